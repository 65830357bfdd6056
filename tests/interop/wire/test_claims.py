"""What a host makes of what it is told about others and about itself: the claims of memberlist,
each by its accepted and its refused forms."""

import time
import unittest

from cases import OfFreshAgent, OfHost, TargetCase
from foreign import address
from foreign.messages import (ALIVE, DEAD, DEAD_STATE, LEFT_STATE, SUSPECT, alive, message,
                              node_state, push_pull, tags)

REFUSED = "phoenix_gossip_claims_refused_total"
FARTHEST = 1 << 24  # above what is known, or the seconds of the clock


class Claims:
    def setUp(self):
        self.peer = self.make_peer()

    def says(self, kind, node, incarnation, sender=None):
        since = self.peer.mark()
        self.peer.send(self.to, message(kind, Node=node, Incarnation=incarnation,
                                        From=sender or self.peer.name))
        return since

    # ---- about the target itself ----

    def test_suspected_it_answers_with_the_next_incarnation(self):
        before = self.incarnation(self.peer)
        since = self.says(SUSPECT, self.target.name, before)
        self.refuted(self.peer, since, before + 1)

    def test_a_stale_suspicion_moves_nothing(self):
        before = self.incarnation(self.peer)
        since = self.says(SUSPECT, self.target.name, before)
        self.refuted(self.peer, since, before + 1)
        self.says(SUSPECT, self.target.name, before)
        since = self.says(SUSPECT, self.target.name, before + 1)
        self.refuted(self.peer, since, before + 2)

    def test_called_dead_it_goes_beyond_the_accusation(self):
        before = self.incarnation(self.peer)
        since = self.says(DEAD, self.target.name, before + 50)
        self.refuted(self.peer, since, before + 51)

    def test_words_in_its_name_are_taken_back(self):
        before = self.peer.known(self.to)[self.target.name]
        number = before["Incarnation"]
        since = self.peer.mark()
        self.peer.send(self.to, alive(self.target.name, self.to, number + 60, tags(role="other")))
        self.refuted(self.peer, since, number + 61)
        self.assertEqual(self.peer.known(self.to)[self.target.name]["Meta"], before["Meta"])

    def test_its_own_words_are_no_news(self):
        own = self.peer.known(self.to)[self.target.name]
        self.peer.send(self.to, alive(self.target.name, self.to, own["Incarnation"], own["Meta"]),
                       alive(self.target.name, self.to, own["Incarnation"] - 1, own["Meta"]))
        self.peer.ping(self.to, self.target.name)
        self.assertEqual(self.incarnation(self.peer), own["Incarnation"])

    # ---- about others ----

    def test_who_is_named_alive_is_a_member_and_is_told_on(self):
        since = self.peer.mark()
        name, at = self.phantom(self.peer, 7, meta=tags(role="new"))
        told = self.peer.hears(ALIVE, since, Node=name).message
        self.assertEqual((told["Incarnation"], told["Addr"], told["Port"]), (7, at.ip, at.port))
        self.assertEqual(self.target.members()[name]["tags"], {"role": "new"})

    def test_only_a_newer_word_changes_a_member(self):
        name, at = self.phantom(self.peer, 7, meta=tags(v="1"))
        for incarnation, meta in ((7, tags(v="2")), (6, tags(v="3"))):
            self.peer.send(self.to, alive(name, at, incarnation, meta))
        self.peer.ping(self.to, self.target.name)
        self.assertEqual(self.target.members()[name]["tags"], {"v": "1"})
        since = self.peer.mark()
        self.peer.send(self.to, alive(name, at, 8, tags(v="4")))
        self.peer.hears(ALIVE, since, Node=name, Incarnation=8)
        self.assertEqual(self.target.members()[name]["tags"], {"v": "4"})

    def test_a_newer_word_at_another_address_is_not_simply_taken(self):
        """The old one is asked, and answers."""
        other = self.make_peer()
        elsewhere = address.fresh()
        self.peer.send(self.to, alive(other.name, elsewhere, other.incarnation + 5))
        since = other.mark()
        self.says(SUSPECT, other.name, other.incarnation)
        # By the order of what is heard the claim above has been looked at.
        other.hears(SUSPECT, since, Node=other.name)
        self.assertEqual(self.peer.known(self.to)[other.name]["Addr"], other.at.ip)

    def test_the_dead_by_their_own_word_have_left(self):
        name, _ = self.phantom(self.peer, 3)
        self.says(DEAD, name, 3, sender=name)
        # Serf takes whom no intent to leave went before as failed.
        self.awaits_status(name, "left", "failed")

    def test_an_old_death_is_not_taken(self):
        name, _ = self.phantom(self.peer, 9)
        self.says(DEAD, name, 8)
        self.says(SUSPECT, name, 8)
        self.peer.ping(self.to, self.target.name)
        self.assertEqual(self.status(name), "alive")

    def test_of_strangers_no_ill_is_taken_nor_told_on(self):
        name = self.fresh("stranger")
        since = self.says(SUSPECT, name, 5)
        self.says(DEAD, name, 5)
        known, _ = self.phantom(self.peer, 2)  # what it tells on stands behind them
        self.peer.hears(ALIVE, since, Node=known)
        self.assertTrue(self.peer.said_nothing_of(SUSPECT, since, Node=name))
        self.assertTrue(self.peer.said_nothing_of(DEAD, since, Node=name))
        self.assertIsNone(self.status(name))

    def test_whom_nobody_defends_is_dead_and_told_so(self):
        name, _ = self.phantom(self.peer, 4, there=False)
        since = self.says(SUSPECT, name, 4)
        dead = self.peer.hears(DEAD, since, Node=name).message
        self.assertEqual((dead["Incarnation"], dead.text("From")), (4, self.target.name))
        self.target.sees(**{name: "failed"})

    def test_a_suspicion_is_told_on_and_taken_back(self):
        other = self.make_peer()
        since, told = other.mark(), self.peer.mark()
        self.says(SUSPECT, other.name, other.incarnation)
        other.hears(SUSPECT, since, Node=other.name)
        defence = self.peer.hears(ALIVE, told, Node=other.name).message
        self.assertGreater(defence["Incarnation"], 1)
        self.assertEqual(self.status(other.name), "alive")

    def test_the_dead_stay_dead_by_a_replayed_word(self):
        name, at = self.phantom(self.peer, 4)
        self.says(DEAD, name, 4)
        self.awaits_status(name, "failed")
        for incarnation in (4, 3):
            self.peer.send(self.to, alive(name, at, incarnation))
        self.peer.ping(self.to, self.target.name)
        self.assertEqual(self.status(name), "failed")
        self.peer.send(self.to, alive(name, at, 5))
        self.target.sees(**{name: "alive"})

    # ---- by push/pull ----

    def test_anothers_dead_are_only_suspected(self):
        other = self.make_peer()
        other.answers = False  # it does not defend itself at once
        since = self.peer.mark()
        self.peer.push_pull(self.to, node_state(other.name, other.at, 1, DEAD_STATE), join=False)
        suspicion = self.peer.hears(SUSPECT, since, Node=other.name).message
        self.assertEqual(suspicion.text("From"), self.target.name)
        self.assertEqual(self.status(other.name), "alive")

    def test_who_left_by_anothers_account_has_left(self):
        name, at = self.phantom(self.peer, 4)
        self.peer.push_pull(self.to, node_state(name, at, 4, LEFT_STATE), join=False)
        self.awaits_status(name, "left", "failed")

    def test_whom_another_has_alive_is_a_member(self):
        name, at = self.fresh("carried"), address.fresh()
        self.peer.push_pull(self.to, node_state(name, at, 4, meta=tags(a="b")), join=False)
        self.target.sees(**{name: "alive"})

    def test_versions_that_exclude_each_other_do_not_join(self):
        name, at = self.fresh("future"), address.fresh()
        self.peer.asks(self.to, push_pull([node_state(name, at, 1,
                                                      versions=bytes([6, 7, 6, 2, 5, 5]))]))
        self.peer.ping(self.to, self.target.name)
        self.assertIsNone(self.status(name))


class ClaimsOfHost(OfHost, Claims, TargetCase):
    def test_its_incarnation_comes_from_the_clock(self):
        self.assertAlmostEqual(self.incarnation(self.peer), time.time(), delta=100_000)

    def test_a_claim_far_ahead_is_refused(self):
        """Who could push an incarnation to its end could silence a host for ever."""
        ahead = int(time.time()) + FARTHEST + 1000
        name, at = self.phantom(self.peer, 4)
        before = self.incarnation(self.peer)
        for claim in (alive(name, at, ahead, tags(v="far")),
                      message(DEAD, Node=name, From=self.peer.name, Incarnation=ahead),
                      message(SUSPECT, Node=self.target.name, From="x", Incarnation=ahead),
                      message(DEAD, Node=self.target.name, From="x", Incarnation=0xFFFFFFFF),
                      alive(self.target.name, self.to, 0xFFFFFFFE, tags(v="far"))):
            self.counts(REFUSED, "", lambda claim=claim: self.peer.send(self.to, claim))
        self.assertEqual(self.incarnation(self.peer), before)
        self.assertEqual(self.status(name), "alive")
        self.assertEqual(self.incarnation(self.peer, name), 4)

    def test_an_incarnation_never_goes_back(self):
        """The dead at 10 are not revived at 2, though they were buried at 1 first."""
        name, at = self.phantom(self.peer, 1)
        self.says(DEAD, name, 1)
        self.awaits_status(name, "failed")
        self.says(DEAD, name, 10)
        self.peer.send(self.to, alive(name, at, 2))
        self.peer.ping(self.to, self.target.name)
        self.assertEqual(self.status(name), "failed")
        self.peer.send(self.to, alive(name, at, 11))
        self.target.sees(**{name: "alive"})

    def test_a_stale_word_is_answered_with_the_accusation(self):
        """So that one that restarted below its old incarnation learns what to go beyond."""
        other = self.make_peer(answers=False)
        self.says(DEAD, other.name, 100)
        self.awaits_status(other.name, "failed")
        since = other.mark()
        other.send(self.to, alive(other.name, other.at, 1))
        other.hears(DEAD, since, Node=other.name, Incarnation=100)
        other.send(self.to, alive(other.name, other.at, 101))
        self.target.sees(**{other.name: "alive"})


class ClaimsOfAgent(OfFreshAgent, Claims, TargetCase):
    pass


if __name__ == "__main__":
    unittest.main()
