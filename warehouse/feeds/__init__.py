"""The kinds of files a bank delivers, one module each."""

from warehouse.feeds.activity import Activity
from warehouse.feeds.attributes import Attributes
from warehouse.feeds.branches import Branches
from warehouse.feeds.consents import Consents
from warehouse.feeds.customers import Customers
from warehouse.feeds.kind import Kind
from warehouse.feeds.openings import Openings
from warehouse.feeds.products import Products
from warehouse.feeds.staff import Staff

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (Customers(), Attributes(), Activity(), Openings(), Consents(), Branches(), Staff(), Products())
}
