"""A model in other forms: json.py for JavaScript and any language, onnx.py for ONNX runtimes."""
