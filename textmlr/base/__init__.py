"""What every room stands on: errors, options and their checks, threads, arrays, whole files."""
