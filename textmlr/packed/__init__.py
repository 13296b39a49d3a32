"""The small form of a model: names front-coded, θ in whole numbers, all of it deflated."""

from textmlr.packed.storage import PLAIN as PLAIN
from textmlr.packed.storage import Dtype as Dtype
from textmlr.packed.storage import Storage as Storage
