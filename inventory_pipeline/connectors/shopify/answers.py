"""The shapes of Shopify's answers, as far as they are used. A null where none may be is an error of the answer."""

from msgspec import UNSET, Raw, UnsetType

from inventory_pipeline.connectors.toolkit.graphql import Camel, PageInfo

_ENDED = {"COMPLETED", "FAILED", "CANCELED", "EXPIRED"}


class Shop(Camel):
    name: str
    currency_code: str


class Scope(Camel):
    handle: str


class Installation(Camel):
    access_scopes: list[Scope]


class Access(Camel):
    shop: Shop
    current_app_installation: Installation


class Count(Camel):
    count: int


class Counted(Camel):
    product_variants_count: Count


class Operation(Camel):
    """A bulk operation. Counts and size come as texts: decode it with `strict=False`."""

    id: str
    status: str
    error_code: str | None = None
    object_count: int = 0
    root_object_count: int = 0
    file_size: int | None = None
    url: str | None = None
    partial_data_url: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it has ended. An unknown status may mean that it still runs: it has ended if there is a result or an error."""
        return self.status in _ENDED or bool(self.url or self.partial_data_url or self.error_code)


class UserError(Camel):
    message: str
    code: str | None = None


class Run(Camel):
    bulk_operation: Operation | None
    user_errors: list[UserError]


class Started(Camel):
    bulk_operation_run_query: Run


class Polled(Camel):
    operation: Operation | None


class Nodes(Camel):
    """One page; each node is decoded apart, so that one bad node is one rejected line."""

    nodes: list[Raw]
    page_info: PageInfo


class VariantsPage(Camel):
    product_variants: Nodes


class ItemLevels(Camel):
    inventory_levels: Nodes


class ItemAnswer(Camel):
    inventory_item: ItemLevels | None


class ItemVariants(Camel):
    variants: Nodes | None


class SharingAnswer(Camel):
    inventory_item: ItemVariants | None


# The nodes that stock is made of: the lines of an export, and the nodes of pages.


class Reference(Camel):
    id: str


class Product(Camel):
    id: str
    title: str
    status: str


class InventoryItem(Camel):
    """`inventory_levels` come in pages only: in an export they are lines of their own."""

    id: str
    tracked: bool
    inventory_levels: Nodes | UnsetType = UNSET


class Variant(Camel, tag_field="__typename", tag="ProductVariant"):
    id: str
    sku: str | None
    barcode: str | None
    title: str
    price: str
    available_for_sale: bool
    inventory_policy: str
    requires_components: bool
    product: Product
    inventory_item: InventoryItem


class Location(Camel):
    id: str
    name: str
    is_active: bool


class NamedQuantity(Camel):
    name: str
    quantity: int


class Level(Camel, tag_field="__typename", tag="InventoryLevel"):
    """`is_active` is True where a version does not tell: it then shows active levels only."""

    id: str
    item: Reference
    location: Location
    quantities: list[NamedQuantity]
    is_active: bool = True


Node = Variant | Level
