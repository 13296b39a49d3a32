"""List the tests that were skipped in every run of pytest; exit with 1 if there are any.

Takes the reports that `pytest --junitxml` wrote.  A module that was skipped whole has one entry, of
its own name and without a class.
"""

import sys
from xml.etree import ElementTree

skipped, passed = {}, set()
for path in sys.argv[1:]:
    for case in ElementTree.parse(path).iter("testcase"):
        module, name = case.get("classname"), case.get("name")
        reason = case.find("skipped")
        # What is expected to fail was run.
        if reason is None or reason.get("type") == "pytest.xfail":
            passed |= {(module, name), ("", module)}
        else:
            skipped[module, name] = reason.get("message")
never = {test: reason for test, reason in skipped.items() if test not in passed}
print(f"{len(skipped)} tests were skipped in some run, {len(never)} in every one")
for (module, name), why in never.items():
    print(f"  {module} {name}: {why}")
sys.exit(1 if never else 0)
