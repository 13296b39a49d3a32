"""Print the lowest versions that pyproject.toml allows, as constraints for pip."""

import re
import tomllib

UNTESTED = {"dev", "fuzz", "bench"}  # what works on textmlr, and is no part of it

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
groups = {"": project["dependencies"], **project["optional-dependencies"]}
for name in groups.keys() - UNTESTED:
    for requirement in groups[name]:
        if found := re.match(r"([\w-]+)>=([\w.]+)", requirement):
            print("==".join(found.groups()))
