"""Exit with a list of the tests that were skipped in every run of pytest there was.

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
sys.exit("\n".join(f"  {module} {name}: {why}" for (module, name), why in never.items()))
