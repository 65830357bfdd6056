// Tickets as a third party checks them.
#include "lineage/form/shown_ticket.h"

#include <gtest/gtest.h>

namespace phoenix::lineage {
namespace {

KeyPair pair_of(uint8_t byte) {
  Seed seed;
  seed.fill(byte);
  return KeyPair::from_seed(seed);
}

constexpr WallMs kAt = 1'790'000'000'000;

struct Pool {
  KeyPair root = pair_of(1);
  KeyPair host = pair_of(2);
  std::vector<NamedKey> hosts{{KeyRole::kHost, "h1", host.public_key()}};
  std::vector<NamedKey> roots{{KeyRole::kRoot, "demo", root.public_key()}};
  Ticket ticket{"demo", "default", "pkt_1", 4, {"receiver", 2}, {"pay"}, kAt, kAt + 3000};
  std::string grant = sign(root, KeyGrant{"demo", "h1", host.public_key(), kAt});

  ShownTicket alone(const Ticket& said) const {
    return {"", encode(said), {sign(host, said), 0, {}}};
  }
};

std::string refusal(const Result<Ticket>& checked) {
  return checked ? "good" : checked.error().reason_code;
}

TEST(ShownTicket, IsGoodUntilItsEndAndForNoLowerEpoch) {
  const Pool pool;
  const ShownTicket shown = pool.alone(pool.ticket);
  const auto checked = check_ticket(shown, pool.hosts, kAt + 10, 4);
  ASSERT_TRUE(checked) << checked.error().detail;
  EXPECT_EQ(*checked, pool.ticket);
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt + 2999, 0)), "good");
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt + 3000, 0)), "expired");
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt + 10, 5)), "stale-epoch");
}

TEST(ShownTicket, OfTheFutureTellsThatTheClockIsBehind) {
  const Pool pool;
  const ShownTicket shown = pool.alone(pool.ticket);
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt - kTicketSkewMs, 0)), "good");
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt - kTicketSkewMs - 1, 0)), "clock-behind");
}

TEST(ShownTicket, TakesTheKeyThatATrustedRootHasGranted) {
  const Pool pool;
  ShownTicket shown = pool.alone(pool.ticket);
  EXPECT_EQ(refusal(check_ticket(shown, pool.roots, kAt, 0)), "unknown-key");
  shown.grant = pool.grant;
  EXPECT_EQ(refusal(check_ticket(shown, pool.roots, kAt, 0)), "good");
  // Of a root that nobody trusts here: the host's key has to be known by itself.
  EXPECT_EQ(refusal(check_ticket(shown, {}, kAt, 0)), "unknown-key");
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt, 0)), "good");
  shown.grant = sign(pool.root, KeyGrant{"other", "h1", pool.host.public_key(), kAt});
  EXPECT_EQ(refusal(check_ticket(shown, pool.roots, kAt, 0)), "wrong-grant");
  // Where a root is trusted, only it says which key is a host's.
  std::vector<NamedKey> both = pool.hosts;
  both.insert(both.end(), pool.roots.begin(), pool.roots.end());
  EXPECT_EQ(refusal(check_ticket(pool.alone(pool.ticket), both, kAt, 0)), "unknown-key");
  // A member's key, whatever it signs, is no host's.
  const std::vector<NamedKey> member{{KeyRole::kMember, "default/a", pool.host.public_key()}};
  EXPECT_EQ(refusal(check_ticket(pool.alone(pool.ticket), member, kAt, 0)), "unknown-key");
}

TEST(ShownTicket, OfASessionsBatchHoldsForItself) {
  const Pool pool;
  std::vector<std::string> tickets;
  for (uint64_t i = 0; i < 7; ++i) {
    Ticket ticket = pool.ticket;
    ticket.packet = "pkt_" + std::to_string(i);
    tickets.push_back(encode(ticket));
  }
  const auto evidence = sign_batch(pool.host, "demo", Ticket::kType, tickets);
  for (size_t i = 0; i < tickets.size(); ++i) {
    const auto checked = check_ticket({"", tickets[i], evidence[i]}, pool.hosts, kAt, 0);
    ASSERT_TRUE(checked) << checked.error().detail;
    EXPECT_EQ(checked->packet, "pkt_" + std::to_string(i));
    const ShownTicket other{"", tickets[i], evidence[(i + 1) % 7]};
    EXPECT_EQ(refusal(check_ticket(other, pool.hosts, kAt, 0)), "wrong-statement");
  }
  const auto elsewhere = sign_batch(pool.host, "other", Ticket::kType, tickets);
  EXPECT_EQ(refusal(check_ticket({"", tickets[0], elsewhere[0]}, pool.hosts, kAt, 0)),
            "wrong-statement");
  const auto no_tickets = sign_batch(pool.host, "demo", Completion::kType, tickets);
  EXPECT_EQ(refusal(check_ticket({"", tickets[0], no_tickets[0]}, pool.hosts, kAt, 0)),
            "wrong-statement");
}

TEST(ShownTicket, OfAnotherPacketOrHostIsNone) {
  const Pool pool;
  Ticket other = pool.ticket;
  other.packet = "pkt_2";
  ShownTicket shown = pool.alone(pool.ticket);
  shown.ticket = encode(other);
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt, 0)), "wrong-statement");
  shown = {"", encode(pool.ticket), {sign(pair_of(7), pool.ticket), 0, {}}};
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt, 0)), "unknown-key");
  shown.evidence.envelope = seal_bytes(pool.host, Completion::kType, encode(pool.ticket));
  EXPECT_EQ(refusal(check_ticket(shown, pool.hosts, kAt, 0)), "wrong-type");
}

TEST(ShownTicket, IsWaitedForLongerThanAnyClockMayTakeItToLast) {
  EXPECT_EQ(ticket_wait_ms(3000), 3000 + 60 + kTicketSkewMs);
  EXPECT_EQ(ticket_wait_ms(49), 49 + kTicketSkewMs);
}

}  // namespace
}  // namespace phoenix::lineage
