// Queries: who takes part, what is answered, and by which ways.
#include <gtest/gtest.h>

#include <set>

#include "membership/serf/serf.h"
#include "membership/serf/test_hosts.h"

namespace phoenix::gossip {
namespace {

using test::endpoint_at;
using test::Rig;

const Endpoint kAsker = endpoint_at(200, 4000);

// From `asker` at kAsker. Views stay valid: literals and kAsker.
Query query_named(std::string_view name, LamportTime ltime = 10, uint32_t id = 1) {
  Query query;
  query.ltime = ltime;
  query.id = id;
  query.address = kAsker.bytes();
  query.port = kAsker.port;
  query.source_node = "asker";
  query.timeout_ns = 1'000'000'000;
  query.name = name;
  return query;
}

QueryResponse response_of(const std::string& message) {
  QueryResponse response;
  EXPECT_EQ(message[0], static_cast<char>(SerfType::kQueryResponse));
  EXPECT_TRUE(decode(std::string_view(message).substr(1), response));
  return response;
}

// The payload of the only answer.
std::string_view only_answer(const Rig& rig) {
  EXPECT_EQ(rig.out.sends.size(), 1u);
  if (rig.out.sends.size() != 1) return {};
  EXPECT_EQ(rig.out.sends[0].to, kAsker);
  return response_of(rig.out.sends[0].message).payload;
}

KeyResponse key_response(std::string_view payload) {
  KeyResponse response;
  EXPECT_EQ(payload.substr(0, 1), "\x08");
  EXPECT_TRUE(decode(payload.substr(1), response));
  return response;
}

TEST(Queries, are_shown_once_and_passed_on_once) {
  Rig rig;
  Query query = query_named("load");
  query.payload = "1m";
  EXPECT_TRUE(rig.receive(query));
  EXPECT_FALSE(rig.receive(query));
  ASSERT_EQ(rig.out.queries.size(), 1u);
  EXPECT_EQ(rig.out.queries[0].name, "load");
  EXPECT_EQ(rig.out.queries[0].payload, "1m");
  EXPECT_EQ(rig.out.queries[0].asker.endpoint, kAsker);
  EXPECT_EQ(rig.out.rumours[0].kind, RumourKind::kQuery);
  EXPECT_TRUE(rig.out.sends.empty()) << "no ack was asked for";
  EXPECT_EQ(rig.serf.query_clock(), 10u);
}

TEST(Queries, of_one_time_differ_by_their_id) {
  Rig rig;
  EXPECT_TRUE(rig.receive(query_named("load", 10, 1)));
  EXPECT_TRUE(rig.receive(query_named("load", 10, 2)));
  EXPECT_EQ(rig.out.queries.size(), 2u);
}

TEST(Queries, older_than_the_last_512_or_of_earlier_lives_are_dropped) {
  Rig rig({.name = "me", .query_clock = 99});
  EXPECT_FALSE(rig.receive(query_named("load", 99)));
  EXPECT_TRUE(rig.receive(query_named("load", 700)));
  EXPECT_FALSE(rig.receive(query_named("load", 188)));
  EXPECT_TRUE(rig.receive(query_named("load", 189)));
  EXPECT_EQ(rig.serf.stats().too_old, 2u);
}

TEST(Queries, that_are_not_to_be_broadcast_are_not) {
  Rig rig;
  Query query = query_named("load");
  query.flags = kQueryNoBroadcast;
  EXPECT_FALSE(rig.receive(query));
  EXPECT_EQ(rig.out.queries.size(), 1u);
}

TEST(Queries, beyond_the_limit_are_dropped) {
  Rig rig;
  const std::string payload(kMaxQuery, 'x');
  Query query = query_named("load");
  query.payload = payload;
  EXPECT_FALSE(rig.receive(query));
  EXPECT_TRUE(rig.out.queries.empty());
  EXPECT_EQ(rig.serf.stats().too_large, 1u);
}

TEST(Queries, are_acknowledged_when_that_is_asked) {
  Rig rig;
  Query query = query_named("load", 10, 77);
  query.flags = kQueryAck;
  EXPECT_TRUE(rig.receive(query));
  ASSERT_EQ(rig.out.sends.size(), 1u);
  const QueryResponse ack = response_of(rig.out.sends[0].message);
  EXPECT_EQ(ack.ltime, 10u);
  EXPECT_EQ(ack.id, 77u);
  EXPECT_EQ(ack.from, "me");
  EXPECT_EQ(ack.flags, kResponseIsAck);
  EXPECT_FALSE(rig.receive(query));
  EXPECT_EQ(rig.out.sends.size(), 1u) << "once";
}

TEST(Queries, without_a_usable_address_are_not_answered) {
  Rig rig;
  Query query = query_named("load");
  query.flags = kQueryAck;
  query.port = 0;
  EXPECT_TRUE(rig.receive(query));
  EXPECT_TRUE(rig.out.sends.empty());
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// What four agents of Serf 0.9.4 said on loopback when the first of them, at 127.0.0.171, ran
// `serf query -relay-factor=2 -tag role=^w.b$ -node=n172 -node=n173 load now`.
constexpr std::string_view kQueryOfSerf =
    "048ba441646472a47f0000aba746696c7465727392ac0092a46e313732a46e313733b60182a445787072a55e772e62"
    "24a3546167a4726f6c65a5466c61677301a24944ce10287df6a54c54696d6501a44e616d65a46c6f6164a75061796c"
    "6f6164a36e6f77a4506f7274cd1f0aab52656c6179466163746f7202aa536f757263654e6f6465a46e313731a75469"
    "6d656f7574cebebc2000";
constexpr std::string_view kAckOfSerf =
    "0585a5466c61677301a446726f6da46e313733a24944ce10287df6a54c54696d6501a75061796c6f6164c0";
constexpr std::string_view kRelayOfSerf =
    "0982a8446573744164647283a24950a47f0000aba4506f7274cd1f0aa45a6f6e65a0a8446573744e616d65a46e3137"
    "31";  // and the ack

TEST(Queries, of_a_serf_agent_are_answered_with_the_bytes_of_a_serf_agent) {
  Rig rig({.name = "n173"});
  for (const char* name : {"n171", "n172", "n174"}) rig.join(name);
  EXPECT_TRUE(rig.receive_bytes(from_hex(kQueryOfSerf)));
  ASSERT_EQ(rig.out.queries.size(), 1u);
  EXPECT_EQ(rig.out.queries[0].name, "load");
  EXPECT_EQ(rig.out.queries[0].payload, "now");
  ASSERT_EQ(rig.out.sends.size(), 3u);
  EXPECT_EQ(rig.out.sends[0].to, endpoint_at(171));
  EXPECT_EQ(rig.out.sends[0].message, from_hex(kAckOfSerf));
  const std::string relay = from_hex(kRelayOfSerf) + from_hex(kAckOfSerf);
  EXPECT_EQ(rig.out.sends[1].message, relay);
  EXPECT_EQ(rig.out.sends[2].message, relay);

  Rig relaying;
  relaying.receive_bytes(relay);
  ASSERT_EQ(relaying.out.sends.size(), 1u);
  EXPECT_EQ(relaying.out.sends[0].to, endpoint_at(171));
  EXPECT_EQ(relaying.out.sends[0].message, from_hex(kAckOfSerf));
}

TEST(Queries, of_a_serf_agent_that_are_for_others_are_passed_on_only) {
  for (const auto& [name, role] : {std::pair{"n174", "web"}, {"n173", "db"}}) {
    Rig rig({name}, {{"role", role}});
    EXPECT_TRUE(rig.receive_bytes(from_hex(kQueryOfSerf)));
    EXPECT_TRUE(rig.out.queries.empty());
    EXPECT_TRUE(rig.out.sends.empty());
  }
}

std::string nodes_filter(std::vector<std::string_view> names) {
  return encode(Filter{Filter::Kind::kNodes, std::move(names), {}, {}});
}
std::string tag_filter(std::string_view tag, std::string_view expression) {
  return encode(Filter{Filter::Kind::kTag, {}, tag, expression});
}

TEST(QueryFilters, all_have_to_match) {
  const struct {
    std::vector<std::string> filters;
    bool for_us;
  } cases[] = {
      {{}, true},
      {{nodes_filter({"other", "me"})}, true},
      {{nodes_filter({"other", "men"})}, false},
      {{nodes_filter({})}, false},
      {{tag_filter("role", "^web")}, true},
      {{tag_filter("role", "^db")}, false},
      {{tag_filter("role", "we+b$"), nodes_filter({"me"})}, true},
      {{tag_filter("role", "web"), nodes_filter({"you"})}, false},
      {{tag_filter("zone", "^$")}, true},  // a tag that is not there is empty
      {{tag_filter("zone", ".")}, false},
      {{tag_filter("role", "(")}, false},
      {{std::string(1, '\x07')}, false},
      {{std::string()}, false},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    Rig rig({"me"}, {{"role", "webserver-weeeb"}});
    Query query = query_named("load");
    query.filters.assign(cases[i].filters.begin(), cases[i].filters.end());
    EXPECT_TRUE(rig.receive(query)) << "passed on in any case, " << i;
    EXPECT_EQ(rig.out.queries.size(), cases[i].for_us ? 1u : 0u) << i;
  }
}

TEST(QueryFilters, that_are_not_met_bring_no_ack) {
  Rig rig;
  Query query = query_named("_serf_ping");
  const std::string filter = nodes_filter({"other"});
  query.filters = {filter};
  query.flags = kQueryAck;
  EXPECT_TRUE(rig.receive(query));
  EXPECT_TRUE(rig.out.sends.empty());
}

TEST(QueryFilters, are_bounded_in_number) {
  Rig rig;
  const std::string filter = tag_filter("role", "w");
  Query query = query_named("load");
  query.filters.assign(8, filter);
  rig.receive(query);
  EXPECT_EQ(rig.out.queries.size(), 1u);
  query.id = 2;
  query.filters.push_back(filter);
  rig.receive(query);
  EXPECT_EQ(rig.out.queries.size(), 1u);
  EXPECT_EQ(rig.serf.stats().refused_filters, 1u);
}

TEST(InternalQueries, ping_is_answered_by_the_ack_alone) {
  Rig rig;
  Query query = query_named("_serf_ping");
  query.flags = kQueryAck;
  rig.receive(query);
  EXPECT_EQ(rig.out.sends.size(), 1u);
  EXPECT_TRUE(rig.out.queries.empty());
}

TEST(InternalQueries, that_are_unknown_are_counted_and_passed_on) {
  Rig rig;
  EXPECT_TRUE(rig.receive(query_named("_serf_dance")));
  EXPECT_TRUE(rig.out.queries.empty());
  EXPECT_TRUE(rig.out.sends.empty());
  EXPECT_EQ(rig.serf.stats().unknown_type, 1u);
}

TEST(Conflicts, are_answered_with_where_we_hold_the_host_to_be) {
  Rig rig;
  const HostNumber a = rig.join("a", {{"role", "db"}});
  rig.serf.host_gone(a, false, rig.now, rig.out);
  Query query = query_named("_serf_conflict");
  query.payload = "a";
  rig.receive(query);
  const std::string_view payload = only_answer(rig);
  ConflictResponse response;
  ASSERT_EQ(payload.substr(0, 1), "\x06");
  ASSERT_TRUE(decode(payload.substr(1), response));
  EXPECT_EQ(response.name, "a");
  EXPECT_EQ(endpoint_of(response.address, response.port), rig.hosts.facts(a).endpoint);
  EXPECT_EQ(response.status, 4);
  EXPECT_EQ(response.versions, Versions{});
  ASSERT_EQ(response.tags.size(), 1u);
  EXPECT_EQ(response.tags[0].second, "db");
}

TEST(Conflicts, about_an_unknown_name_get_a_nil_and_about_ourselves_nothing) {
  Rig rig;
  Query query = query_named("_serf_conflict");
  query.payload = "me";
  rig.receive(query);
  EXPECT_TRUE(rig.out.sends.empty());
  query.id = 2;
  query.payload = "nobody";
  rig.receive(query);
  EXPECT_EQ(only_answer(rig), "\x06\xc0");
}

TEST(Conflicts, fit_into_a_response_also_for_a_host_with_long_name_and_tags) {
  Rig rig;
  const std::string name(250, 'n');
  rig.join(name, {{"a", std::string(480, 'x')}});
  Query query = query_named("_serf_conflict");
  query.payload = name;
  rig.receive(query);
  ConflictResponse response;
  const std::string_view payload = only_answer(rig);
  ASSERT_TRUE(decode(payload.substr(1), response));
  EXPECT_EQ(response.name, name);
}

TEST(Responses, are_relayed_over_as_many_others_as_is_asked_if_there_are_enough) {
  for (const int others : {0, 1, 2, 3, 9}) {
    Rig rig;
    for (int i = 0; i < others; ++i) rig.join("host-" + std::to_string(i));
    Query query = query_named("load");
    query.flags = kQueryAck;
    query.relay_factor = 3;
    rig.receive(query);
    const size_t ways = others >= 3 ? 3 : 0;
    ASSERT_EQ(rig.out.sends.size(), 1 + ways) << others;
    std::set<Endpoint> to;
    for (size_t i = 1; i < rig.out.sends.size(); ++i) {
      const std::string& message = rig.out.sends[i].message;
      Relay relay;
      ASSERT_EQ(message[0], static_cast<char>(SerfType::kRelay));
      ASSERT_TRUE(decode(std::string_view(message).substr(1), relay));
      EXPECT_EQ(endpoint_of(relay.address, relay.port), kAsker);
      EXPECT_EQ(relay.node, "asker");
      EXPECT_EQ(relay.message, rig.out.sends[0].message);
      to.insert(rig.out.sends[i].to);
    }
    EXPECT_EQ(to.size(), ways) << "no host twice";
    EXPECT_EQ(to.count(rig.hosts.facts(0).endpoint), 0u) << "nor ourselves";
  }
}

TEST(Responses, are_relayed_by_hosts_that_are_alive_and_know_how_and_no_more_than_five) {
  Rig rig;
  for (int i = 0; i < 20; ++i) rig.join("host-" + std::to_string(i));
  for (HostNumber host = 1; host <= 7; ++host) rig.serf.host_gone(host, false, rig.now, rig.out);
  for (HostNumber host = 8; host <= 14; ++host) rig.hosts.versions(host).delegate_max = 4;
  rig.out.clear();
  Query query = query_named("load");
  query.flags = kQueryAck;
  query.relay_factor = 20;
  rig.receive(query);
  ASSERT_EQ(rig.out.sends.size(), 6u);
  for (size_t i = 1; i < 6; ++i) {
    const auto last = static_cast<uint8_t>(rig.out.sends[i].to.ip[3]);
    EXPECT_GT(last, 15) << "hosts 15 to 20 have the addresses 16 to 21";
  }
}

TEST(Relays, pass_the_inner_message_on) {
  Rig rig;
  const std::string inner = encode(QueryResponse{10, 1, "far", 0, "answer"});
  rig.receive(Relay{kAsker.bytes(), kAsker.port, "asker", inner});
  ASSERT_EQ(rig.out.sends.size(), 1u);
  EXPECT_EQ(rig.out.sends[0].to, kAsker);
  EXPECT_EQ(rig.out.sends[0].message, inner);
  EXPECT_EQ(rig.serf.stats().relayed, 1u);
}

TEST(Relays, carry_responses_of_allowed_size_to_real_addresses_and_nothing_else) {
  Rig rig;
  const std::string inner = encode(QueryResponse{10, 1, "far", 0, "answer"});
  const std::string nested = encode(Relay{kAsker.bytes(), kAsker.port, "asker", inner});
  rig.receive(Relay{kAsker.bytes(), kAsker.port, "asker", nested});
  rig.receive(Relay{kAsker.bytes(), kAsker.port, "asker", ""});
  rig.receive(Relay{"abc", kAsker.port, "asker", inner});
  rig.receive(Relay{kAsker.bytes(), 0, "asker", inner});
  const std::string large = encode(QueryResponse{10, 1, "far", 0, std::string(1'024, 'x')});
  rig.receive(Relay{kAsker.bytes(), kAsker.port, "asker", large});
  EXPECT_TRUE(rig.out.sends.empty());
  EXPECT_EQ(rig.serf.stats().malformed, 4u);
  EXPECT_EQ(rig.serf.stats().too_large, 1u);
}

// The keys of a host, and how it answers an operator who rotates them.
struct KeyRig : Rig {
  KeyResponse ask(std::string_view name, std::string_view key) {
    out.clear();
    const std::string payload = encode(KeyRequest{key});
    Query query = query_named(name, 10, ++asked);
    query.payload = payload;
    receive(query);
    EXPECT_EQ(out.key_requests.size(), 1u);
    changed = serf.carry_out(out.key_requests.at(0), keyring, out);
    return key_response(only_answer(*this));
  }
  uint32_t asked = 0;
  bool changed = false;
  Keyring keyring;
};

TEST(Keys, are_rotated) {
  const std::string old_key(16, 'o');
  const std::string new_key(32, 'n');
  KeyRig rig;
  ASSERT_TRUE(rig.keyring.install(old_key));

  EXPECT_TRUE(rig.ask("_serf_install-key", new_key).result);
  EXPECT_TRUE(rig.changed);
  EXPECT_TRUE(rig.ask("_serf_install-key", new_key).result);
  EXPECT_FALSE(rig.changed) << "it was there";
  EXPECT_TRUE(rig.ask("_serf_use-key", new_key).result);
  EXPECT_EQ(rig.keyring.primary(), new_key);
  const KeyResponse refused = rig.ask("_serf_remove-key", new_key);
  EXPECT_FALSE(refused.result);
  EXPECT_FALSE(refused.message.empty());
  EXPECT_FALSE(rig.changed);
  EXPECT_TRUE(rig.ask("_serf_remove-key", old_key).result);
  EXPECT_EQ(rig.keyring.keys(), std::vector<std::string>{new_key});
  EXPECT_FALSE(rig.ask("_serf_use-key", old_key).result);
  EXPECT_FALSE(rig.ask("_serf_install-key", "short").result);
}

TEST(Keys, are_listed_primary_first_in_base64) {
  KeyRig rig;
  ASSERT_TRUE(rig.keyring.install("sixteen bytes ok"));
  ASSERT_TRUE(rig.keyring.install("twenty-four bytes are ok"));
  const KeyResponse response = rig.ask("_serf_list-keys", "");
  EXPECT_TRUE(response.result);
  EXPECT_TRUE(response.message.empty());
  EXPECT_EQ(response.primary, "c2l4dGVlbiBieXRlcyBvaw==");
  EXPECT_EQ(response.keys, (std::vector<std::string_view>{"c2l4dGVlbiBieXRlcyBvaw==",
                                                          "dHdlbnR5LWZvdXIgYnl0ZXMgYXJlIG9r"}));
}

TEST(Keys, that_do_not_fit_into_a_response_are_left_out_with_a_remark) {
  KeyRig rig;
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(rig.keyring.install(std::string(32, static_cast<char>('a' + i))));
  }
  const KeyResponse response = rig.ask("_serf_list-keys", "");
  EXPECT_TRUE(response.result);
  EXPECT_FALSE(rig.changed);
  ASSERT_LT(response.keys.size(), 30u);
  ASSERT_GT(response.keys.size(), 10u);
  EXPECT_EQ(response.keys[0], response.primary);
  EXPECT_EQ(response.message,
            "truncated: the first " + std::to_string(response.keys.size()) + " of 30 keys");
  EXPECT_LE(rig.out.sends[0].message.size(), kMaxQueryResponse);
}

TEST(Keys, cannot_be_installed_where_nothing_is_encrypted) {
  KeyRig rig;
  for (const char* name :
       {"_serf_install-key", "_serf_use-key", "_serf_remove-key", "_serf_list-keys"}) {
    const KeyResponse response = rig.ask(name, std::string(16, 'k'));
    EXPECT_FALSE(response.result) << name;
    EXPECT_FALSE(response.message.empty()) << name;
    EXPECT_TRUE(rig.keyring.empty()) << "or whoever comes by would decide who is locked out";
  }
}

TEST(Keys, of_a_malformed_request_are_refused) {
  for (const std::string_view payload : {"", "\x07", "\x07\xc1", "no type"}) {
    Rig rig;
    Keyring keyring;
    ASSERT_TRUE(keyring.install(std::string(16, 'k')));
    Query query = query_named("_serf_remove-key");
    query.payload = payload;
    rig.receive(query);
    ASSERT_EQ(rig.out.key_requests.size(), 1u);
    EXPECT_FALSE(rig.serf.carry_out(rig.out.key_requests[0], keyring, rig.out));
    EXPECT_FALSE(key_response(only_answer(rig)).result);
    EXPECT_EQ(keyring.keys().size(), 1u);
  }
}

}  // namespace
}  // namespace phoenix::gossip
