"""The demo's Shopify with a catalogue of any size, in a process of its own.

    python -m benchmarks.export_shop LINES

Writes its address and its token as the first line of standard output; ends when standard input closes.
"""

import sys

from inventory_pipeline.demo.shopify import DemoShopify
from inventory_pipeline.demo.shops import synthetic_catalogue


def main() -> None:
    with DemoShopify(synthetic_catalogue(int(sys.argv[1]))) as shop:
        sys.stdout.write(f"{shop.url} {shop.token}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
