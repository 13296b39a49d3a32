"""The ground floor: errors, options and their checks, threads, arrays, whole files."""
