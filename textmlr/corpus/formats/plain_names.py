"""Names of columns that speak for themselves."""

# In any case.  The first is taken wherever it stands; of the others a table may have only one.
PLAIN = {
    "text": "text document body content sentence review comment message title".split(),
    "label": "label class category target y sentiment genre topic intent".split(),
    "weight": ["weight"],
}
# Where no column has one of these: longer text, and columns of several labels, may be called so.
SEVERAL = {
    "text": "description plot".split(),
    "label": "labels classes categories tags targets genres topics intents".split(),
    "weight": [],
}
