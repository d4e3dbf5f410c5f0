# ruff: noqa: E501 - exports have long lines
"""Known exports: recognised by their headings, read without a setting, named in `check`, and overridable."""

from pathlib import Path

import pytest

from inventory_pipeline.connectors.feed.presets import PRESETS
from inventory_pipeline.core.errors import StoreMisconfigured
from inventory_pipeline_tests.connectors.feeding import check_file, read_text
from inventory_pipeline_tests.connectors.reading import Whole

SHOPIFY_PRODUCTS = """\
Handle,Title,Body (HTML),Vendor,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,Variant SKU,\
Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Barcode,Image Src,Gift Card,Status
tee,Tee,<p>Soft</p>,Us,true,Size,S,,,,,TEE-S,100,shopify,4,deny,9.90,'4006381333931,https://x/1.png,false,active
tee,,,,,,M,,,,,TEE-M,100,shopify,0,continue,9.90,,,,
tee,,,,,,,,,,,,,,,,,,https://x/2.png,,
card,Gift card,,Us,true,Denominations,10,,,,,,0,,0,deny,10.00,,,true,active
mug,Mug,,Us,false,Title,Default Title,,,,,MUG,300,,0,deny,7.00,,,false,draft
"""
SHOPIFY_INVENTORY = """\
Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,SKU,HS Code,COO,Location,Bin name,\
Incoming (not editable),Unavailable (not editable),Committed (not editable),Available (not editable),On hand (current),On hand (new)
tee,Tee,Size,S,,,,,TEE-S,,,Berlin,,5,0,1,4,5,
tee,Tee,Size,S,,,,,TEE-S,,,Rome,,0,0,0,not stocked,not stocked,
tee,Tee,Size,M,,,,,TEE-M,,,Berlin,,0,0,0,0,0,
"""
AMAZON_LISTINGS = (
    "item-name\titem-description\tlisting-id\tseller-sku\tprice\tquantity\topen-date\titem-is-marketplace\tproduct-id-type\tasin1\t"
    "product-id\tpending-quantity\tfulfillment-channel\tstatus\n"
    '3/4" pipe\t\t1\tPIPE\t3.50\t12\t2026-01-01\ty\t1\tB0001\tB0001\t0\tDEFAULT\tActive\n'
    '"Best" tea\t\t2\tTEA\t4.50\t\t2026-01-01\ty\t1\tB0002\tB0002\t0\tAMAZON_EU\tInactive\n'
)
AMAZON_FBA = (
    "sku\tfnsku\tasin\tproduct-name\tcondition\tyour-price\tmfn-listing-exists\tmfn-fulfillable-quantity\tafn-listing-exists\t"
    "afn-warehouse-quantity\tafn-fulfillable-quantity\tafn-unsellable-quantity\tafn-reserved-quantity\tafn-total-quantity\t"
    "afn-inbound-shipped-quantity\n"
    "TEA\tX001\tB0002\tTea\tNew\t4.50\tNo\t\tYes\t9\t7\t0\t2\t9\t20\n"
)
AMAZON_FULFILLED = (
    "seller-sku\tfulfillment-channel-sku\tasin\tcondition-type\tWarehouse-Condition-code\tQuantity Available\n"
    "TEA\tX001\tB0002\tNewItem\tSELLABLE\t7\nTEA\tX001\tB0002\tNewItem\tUNSELLABLE\t3\n"
)
EBAY = """\
"Item number","Title","Variation details","Custom label (SKU)","Available quantity","Format","Currency","Start price","Current price"
"110123456789","Tee","[Size=S]","TEE-S","4","FIXED_PRICE","EUR","9.90","9.90"
"110123456789","Tee","[Size=M]","TEE-M","0","FIXED_PRICE","EUR","9.90","9.90"
"110987654321","Mug","","MUG","3","FIXED_PRICE","EUR","7.00","7.00"
"""
ETSY = """\
TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,VARIATION 1 TYPE,VARIATION 1 NAME,VARIATION 1 VALUES,SKU
Mug,"A mug, blue",7.00,EUR,3,"mug,blue",clay,https://x/1.jpg,,,,MUG
Tee,Soft,9.90,EUR,12,tee,cotton,https://x/2.jpg,SIZE,Size,"S,M","TEE-S,TEE-M"
Cap,Warm,5.00,EUR,0,cap,wool,https://x/3.jpg,SIZE,Size,"S,M","CAP-S,CAP-M"
"""
FACEBOOK = """\
id,title,description,availability,condition,price,link,image_link,brand,quantity_to_sell_on_facebook,item_group_id
F1,Tee,Soft,in stock,new,9.90 EUR,https://x/1,https://x/1.png,Us,4,TEE
F2,Mug,Blue,out of stock,new,7.00 EUR,https://x/2,https://x/2.png,Us,0,
"""
GOOGLE = """\
<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title><link>https://x</link>
<item><g:id>G1</g:id><title>Lamp</title><g:availability>in_stock</g:availability><g:price>9.90 EUR</g:price></item>
<item><g:id>G2</g:id><title>Bulb</title><g:availability>out_of_stock</g:availability><g:price>1.90 EUR</g:price></item>
</channel></rss>
"""
PRESTASHOP = """\
"Product ID";"Image";"Name";"Reference";"Category";"Price (tax excl.)";"Price (tax incl.)";"Quantity";"Status";"Position"
"1";"https://x/1.jpg";"Mug";"demo_1";"Art";"11.90";"14.28";"300";"1";"1"
"2";"https://x/2.jpg";"Tee";"demo_2";"Art";"9.90";"11.88";"0";"0";"2"
"""
MAGENTO = """\
sku,store_view_code,attribute_set_code,product_type,categories,name,price,qty,out_of_stock_qty,allow_backorders,is_in_stock,manage_stock,\
use_config_manage_stock
MUG,,Default,simple,Default,Mug,7.0000,3.0000,0.0000,0,1,1,1
MUG,de,,,,Tasse,,,,,,,
TEE,,Default,configurable,Default,Tee,,0.0000,0.0000,0,1,1,1
PDF,,Default,downloadable,Default,Manual,2.0000,0.0000,0.0000,0,1,0,0
"""
UNKNOWN, UNTRACKED = "unknown", "untracked"


def stock(whole: Whole) -> dict[str, object]:
    return {
        item if location == "default" else f"{item}@{location}": line.quantity.state
        if line.quantity.value is None
        else line.quantity.value
        for (item, location), line in whole.lines.items()
    }


EXPORTS = {
    "shopify-products": (
        SHOPIFY_PRODUCTS,
        {"tee/S": 4, "tee/M": 0, "card/10": UNTRACKED, "mug/Default Title": UNTRACKED},
        {"tee/M": {"title": "Tee", "status": "active", "oversell_allowed": True}, "mug/Default Title": {"status": "draft"},
         "tee/S": {"sku": "TEE-S", "barcode": "4006381333931", "product_id": "tee"}},
    ),
    "shopify-inventory": (
        SHOPIFY_INVENTORY,
        {"tee/S@Berlin": 4, "tee/M@Berlin": 0},
        {"tee/S@Berlin": {"sku": "TEE-S", "on_hand": 5, "committed": 1, "incoming": 5}},
    ),
    "amazon-listings": (AMAZON_LISTINGS, {"PIPE": 12, "TEA": UNKNOWN},
                        {"PIPE": {"title": '3/4" pipe', "product_id": "B0001"}, "TEA": {"title": '"Best" tea', "status": "draft"}}),
    "amazon-fba": (AMAZON_FBA, {"TEA": 7}, {"TEA": {"on_hand": 9, "committed": 2, "incoming": 20}}),
    "amazon-fulfilled": (AMAZON_FULFILLED, {"TEA": 7}, {}),
    "ebay-listings": (EBAY, {"110123456789/[Size=S]": 4, "110123456789/[Size=M]": 0, "110987654321": 3},
                      {"110123456789/[Size=S]": {"sku": "TEE-S", "currency": "EUR", "product_id": "110123456789"}}),
    "etsy-listings": (ETSY, {"Mug": 3, "Tee/TEE-S": UNKNOWN, "Tee/TEE-M": UNKNOWN, "Cap/CAP-S": 0, "Cap/CAP-M": 0},
                      {"Tee/TEE-S": {"sku": "TEE-S", "sellable": True}}),
    "woocommerce-products": (Path(__file__).with_name("feeds").joinpath("woocommerce-export.csv").read_text(),
                             {"11": 12, "12": 4, "13": -3, "14": 6, "16": UNTRACKED, "17": UNTRACKED}, {"12": {"status": "draft"}}),
    "facebook-catalogue": (FACEBOOK, {"F1": 4, "F2": 0}, {"F1": {"sellable": True, "product_id": "TEE"}}),
    "google-catalogue": (GOOGLE, {"G1": UNKNOWN, "G2": 0}, {"G1": {"sellable": True}, "G2": {"sellable": False}}),
    "prestashop-products": (PRESTASHOP, {"1": 300, "2": 0}, {"1": {"sku": "demo_1"}, "2": {"status": "draft"}}),
    "magento-products": (MAGENTO, {"MUG": 3, "PDF": UNTRACKED}, {"MUG": {"title": "Mug"}}),
}  # fmt: skip


def test_every_preset_has_its_export_here():
    assert set(EXPORTS) == {preset.name for preset in PRESETS}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_right_without_a_setting(name: str, tmp_path: Path):
    text, right, more = EXPORTS[name]
    path = tmp_path / "export.txt"
    path.write_text(text)
    whole = read_text(text, "export.txt")
    assert stock(whole) == right
    assert whole.rejected == []
    lines = {item if location == "default" else f"{item}@{location}": line for (item, location), line in whole.lines.items()}
    for item, fields in more.items():
        assert {field: getattr(lines[item], field) for field in fields} == fields
    title = next(preset.title for preset in PRESETS if preset.name == name)
    assert check_file(path)["version"].detail.startswith(f"{title}; ")


def test_a_setting_outranks_the_preset():
    assert set(stock(read_text(EBAY, column__id="Custom label (SKU)"))) == {"TEE-S", "TEE-M", "MUG"}
    assert stock(read_text(AMAZON_FULFILLED, "x.txt", **{"filter__Warehouse-Condition-code": "UNSELLABLE"})) == {"TEA": 3}


def test_a_preset_can_be_refused_or_asked_for_by_name():
    assert stock(read_text(PRESTASHOP, preset="none", column__id="Product ID", column__price="")) == {"1": 300, "2": 0}
    assert stock(read_text(PRESTASHOP, preset="prestashop-products")) == {"1": 300, "2": 0}
    with pytest.raises(StoreMisconfigured, match="preset='magento-products' does not fit the feed \\(its headings are others"):
        read_text(PRESTASHOP, preset="magento-products")
    with pytest.raises(StoreMisconfigured, match="known are shopify-inventory, "):
        read_text(PRESTASHOP, preset="presta")
