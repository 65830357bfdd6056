"""Hosts in network namespaces, cut off from each other and from the store in silence: whoever
cannot know stops before another one begins, and all is one again when the network is."""

import unittest

from harness.host import SLOWNESS, until
from harness.network import Network
from harness.pool import Pool, PoolTest
from harness.round import Round


class SplitTest(PoolTest):
    def make_pool(self):
        self.network = Network(self)
        return Pool(self, self.size, self.flags, self.network)

    def place(self, name):
        return self.pool.store_place if name == "store" else self.pool.places[name]

    def cut(self, name, *others, both=True):
        for other in others:
            self.network.cut(self.place(name), self.place(other), both)

    def round(self):
        round_ = Round(self)
        round_.submit(120, 300)
        round_.await_begun(12)
        return round_

    def out_of_view(self, name):
        at = self.pool.others(name)[0]
        until(self, lambda: name not in self.pool.in_view(at), f"{name} is out of the view",
              30 * SLOWNESS)

    def settle(self, round_):
        self.network.heal()
        self.pool.await_ready()
        round_.submit(20)
        return round_.finish()


class Splits(SplitTest):
    def test_one_host_is_cut_off_from_store_and_pool(self):
        round_ = self.round()
        self.cut("b", "store", "a", "c")
        self.out_of_view("b")
        round_.submit(30)
        self.settle(round_)

    def test_one_host_is_cut_off_from_the_store_alone(self):
        round_ = self.round()
        self.cut("b", "store")
        self.out_of_view("b")
        self.assertFalse(self.pool.host("b").ready())
        round_.submit(30)
        self.settle(round_)

    def test_one_host_is_cut_off_from_the_pool_alone(self):
        round_ = self.round()
        self.cut("b", "a", "c")
        self.out_of_view("b")
        round_.submit(30)
        self.settle(round_)

    def test_two_hosts_cannot_reach_each_other_and_go_through_the_third(self):
        round_ = self.round()
        self.cut("a", "b")
        round_.submit(60)
        self.assertEqual(round_.finish(), 0)
        self.assertEqual(self.pool.in_view(self.pool.host("c")), ["a", "b", "c"])

    def test_one_way(self):
        round_ = self.round()
        self.cut("b", "store", both=False)
        self.cut("b", "a", both=False)
        round_.submit(30)
        self.settle(round_)


class TwoHosts(SplitTest):
    size = 2

    def test_two_hosts_that_only_the_store_links(self):
        """One of them goes on with all of the work, and the other one says that it does not."""
        round_ = self.round()
        self.cut("a", "b")
        self.out_of_view("b")
        round_.submit(10)
        round_.await_ended()
        self.assertTrue(self.pool.host("a").ready())
        self.assertFalse(self.pool.host("b").ready())
        self.settle(round_)


if __name__ == "__main__":
    unittest.main()
