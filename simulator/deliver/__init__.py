"""What a policy would have delivered for a whole log, by slices of click time."""

from simulator.deliver.deliver import Delivered, deliver
from simulator.deliver.order import Order, ordered

__all__ = ["Delivered", "Order", "deliver", "ordered"]
