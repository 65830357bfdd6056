// Each rule for claims, against one host that is told them by hand.
#include <gtest/gtest.h>
// rapidcheck needs gtest before it.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <numeric>
#include <ostream>

#include "membership/swim/test_pool.h"

namespace phoenix::gossip {
namespace {

class Claims : public OneSwim {};

TEST_F(Claims, OneAfterTheOther) {
  const struct {
    const char* claims;  // a = alive, s = suspect, d = dead, l = left, each with its incarnation
    const char* standing;
  } table[] = {
      {"a5", "alive 5"},         {"s5", "unknown"},         {"d5", "unknown"},
      {"l5", "unknown"},         {"a5 a4", "alive 5"},      {"a5 a6", "alive 6"},
      {"a5 s4", "alive 5"},      {"a5 s5", "suspect 5"},    {"a5 s6", "suspect 6"},
      {"a5 d4", "alive 5"},      {"a5 d5", "dead 5"},       {"a5 d6", "dead 6"},
      {"a5 l5", "left 5"},       {"a5 s5 a5", "suspect 5"}, {"a5 s5 a6", "alive 6"},
      {"a5 s5 a4", "suspect 5"}, {"a5 s5 d4", "suspect 5"}, {"a5 s5 d5", "dead 5"},
      {"a5 s5 s7", "suspect 7"}, {"a5 s7 a6", "suspect 7"}, {"a5 d5 a5", "dead 5"},
      {"a5 d5 a6", "alive 6"},   {"a5 d5 s5", "dead 5"},    {"a5 d5 s9", "dead 9"},
      {"a5 d5 d9", "dead 9"},    {"a5 d5 d9 a7", "dead 9"}, {"a5 d5 d9 a10", "alive 10"},
      {"a5 d5 l5", "left 5"},    {"a5 l5 d5", "left 5"},    {"a5 l5 s5", "left 5"},
      {"a5 l5 a5", "left 5"},    {"a5 l5 a6", "alive 6"},   {"a5 l5 s8", "dead 8"},
      {"a5 l5 d8", "dead 8"},    {"a5 d9 l5", "dead 9"},    {"a5 a9 s8 d7", "alive 9"},
  };
  for (const auto& row : table) {
    make([] {
      SwimOptions options;
      options.name = "me";
      options.advertise = test_endpoint(1);
      return options;
    }());
    std::string_view rest = row.claims;
    while (!rest.empty()) {
      const std::string_view claim = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(rest.size(), claim.size() + 1));
      const auto incarnation = static_cast<uint32_t>(std::stoul(std::string(claim.substr(1))));
      if (claim[0] == 'a') alive("x", incarnation);
      if (claim[0] == 's') suspect("x", incarnation);
      if (claim[0] == 'd') dead("x", incarnation);
      if (claim[0] == 'l') dead("x", incarnation, "x");
    }
    EXPECT_EQ(standing("x"), row.standing) << row.claims;
  }
}

TEST_F(Claims, ANewHostIsAnnouncedAndToldToAll) {
  alive("x", 5);
  ASSERT_EQ(out.changes.size(), 1u);
  EXPECT_EQ(out.changes[0].kind, SwimChange::kJoined);
  EXPECT_EQ(out.changes[0].name, "x");
  EXPECT_EQ(out.changes[0].incarnation, 5u);
  const auto told = drain();
  ASSERT_EQ(told.size(), 1u);
  const auto message = as<Alive>(told[0], MessageType::kAlive);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->node, "x");
  EXPECT_EQ(message->incarnation, 5u);
  EXPECT_EQ(message->meta, "meta");
  alive("x", 5);
  EXPECT_TRUE(drain().empty());  // nothing new
  EXPECT_EQ(out.changes.size(), 1u);
}

TEST_F(Claims, AnotherMetaComesOnlyWithAHigherIncarnation) {
  alive("x", 5);
  alive("x", 5, 50, "other");
  EXPECT_EQ(swim->hosts().meta(number("x")), "meta");
  alive("x", 6, 50, "other");
  EXPECT_EQ(swim->hosts().meta(number("x")), "other");
  EXPECT_EQ(changes(SwimChange::kUpdated), 1u);
}

TEST_F(Claims, UnusableOnesAreRefusedAndCounted) {
  alive("x", 5, 50, "meta", {1, 5, 2, 2});  // four bytes: what killed an older Serf
  alive("x", 5, 50, "meta", "");
  alive("x", 5, 50, "meta", {5, 1, 2, 2, 5, 5});  // upside down
  alive("x", 5, 50, "meta", {3, 5, 3, 2, 5, 5});  // does not understand what we speak
  alive("x", 5, 50, "meta", {1, 5, 2, 0, 0, 0});  // no Serf
  EXPECT_EQ(swim->stats().bad_versions, 5u);
  alive("", 5);
  alive(std::string(129, 'n'), 5);
  alive("x", 5, 50, std::string(513, 'm'));
  const std::string versions = bytes({});
  swim->receive(Alive{5, "x", "123", 7946, "", versions}, sender, now, out);
  swim->receive(Alive{5, "x", std::string_view("\0\0\0\0", 4), 7946, "", versions}, sender, now,
                out);
  EXPECT_EQ(swim->stats().bad_claims, 5u);
  EXPECT_EQ(swim->hosts().known(), 1u);
  EXPECT_TRUE(out.changes.empty());
  EXPECT_TRUE(drain().empty());
}

TEST_F(Claims, NoPortMeansOurs) {
  const std::string versions = bytes({});
  swim->receive(Alive{5, "x", test_endpoint(3).bytes(), 0, "", versions}, sender, now, out);
  EXPECT_EQ(swim->hosts()[number("x")].endpoint, test_endpoint(3));
}

TEST_F(Claims, ALeapOfTheIncarnationChangesNothing) {
  constexpr uint32_t kLeap = 1u << 24;
  alive("x", kStart + kLeap + 1);
  EXPECT_EQ(standing("x"), "unknown");
  alive("x", kStart + kLeap);
  EXPECT_EQ(standing("x"), "alive " + std::to_string(kStart + kLeap));
  alive("x", kStart + 2 * kLeap + 1);
  suspect("x", kStart + 2 * kLeap + 1);
  dead("x", UINT32_MAX);
  dead("me", UINT32_MAX);
  suspect("me", UINT32_MAX - 1);
  EXPECT_EQ(standing("x"), "alive " + std::to_string(kStart + kLeap));
  EXPECT_EQ(standing("me"), "alive " + std::to_string(kStart));
  EXPECT_EQ(swim->stats().wild_incarnations, 6u);
}

TEST_F(Claims, WhatIsSaidOfUsIsRefuted) {
  const struct {
    char kind;
    int64_t above;    // our incarnation
    int64_t becomes;  // ours, above what it was
  } table[] = {{'s', -1, 0},  {'s', 0, 1}, {'s', 7, 8}, {'d', -1, 0}, {'d', 0, 1},
               {'d', 50, 51}, {'l', 0, 1}, {'a', 0, 0}, {'a', -3, 0}, {'a', 60, 61}};
  for (const auto& row : table) {
    out.clear();
    drain();
    const uint32_t before = swim->incarnation();
    const auto claimed = static_cast<uint32_t>(before + row.above);
    if (row.kind == 's') suspect("me", claimed);
    if (row.kind == 'd') dead("me", claimed);
    if (row.kind == 'l') dead("me", claimed, "me");
    if (row.kind == 'a') alive("me", claimed, 1, "mine");
    EXPECT_EQ(swim->incarnation(), before + row.becomes) << row.kind << row.above;
    EXPECT_EQ(drain().size(), row.becomes == 0 ? 0u : 1u);
    const auto direct = sent(99, MessageType::kAlive);
    ASSERT_EQ(direct.size(), row.becomes == 0 ? 0u : 1u);
    if (row.becomes != 0) {
      EXPECT_EQ(as<Alive>(direct[0], MessageType::kAlive)->incarnation, swim->incarnation());
    }
  }
  EXPECT_EQ(swim->health(), 6);  // a point each
}

TEST_F(Claims, OurOwnIncarnationWithAnotherMetaIsRefutedToo) {
  alive("me", kStart, 1, "not mine");
  EXPECT_EQ(swim->incarnation(), kStart + 1);
  EXPECT_EQ(swim->hosts().meta(HostTable::kSelf), "mine");
}

TEST_F(Claims, OursNeverComesNearTheEnd) {
  SwimOptions options;
  options.name = "me";
  options.advertise = test_endpoint(1);
  options.remembered_incarnation = 0xFFFE'FFF0;
  make(options);
  for (int i = 0; i < 100; ++i) {
    suspect("me", swim->incarnation());
    dead("me", swim->incarnation() + 1'000);
  }
  EXPECT_LE(swim->incarnation(), 0xFFFF'0000);
  EXPECT_GT(swim->stats().wild_incarnations, 0u);
}

TEST_F(Claims, IncarnationsAreReservedAhead) {
  SwimOptions options;
  options.name = "me";
  options.advertise = test_endpoint(1);
  options.remembered_incarnation = kStart + 5'000;  // it was announced, whatever the clock says
  swim = std::make_unique<Swim>(options, Prng(7));
  swim->start(now, out);
  EXPECT_EQ(swim->incarnation(), kStart + 5'001);
  ASSERT_TRUE(out.reserve);
  const uint32_t reserved = *out.reserve;
  EXPECT_EQ(reserved, kStart + 5'001 + 1'024);
  out.clear();
  for (int i = 0; i < 1'024; ++i) suspect("me", swim->incarnation());
  EXPECT_EQ(swim->incarnation(), reserved);
  EXPECT_FALSE(out.reserve);
  suspect("me", swim->incarnation());
  ASSERT_TRUE(out.reserve);
  EXPECT_GT(*out.reserve, swim->incarnation());
}

TEST_F(Claims, AStaleAliveIsAnsweredWithTheAccusation) {
  alive("x", 5);
  dead("x", 9);
  out.clear();
  alive("x", 1);  // started anew, and does not know
  for (const unsigned at : {50u, 99u}) {
    const auto told = sent(at, MessageType::kDead);
    ASSERT_EQ(told.size(), 1u) << at;
    EXPECT_EQ(as<Dead>(told[0], MessageType::kDead)->incarnation, 9u);
  }
  alive("x", 10);
  EXPECT_EQ(standing("x"), "alive 10");
  suspect("x", 10);
  out.clear();
  alive("x", 10);
  EXPECT_EQ(sent(50, MessageType::kSuspect).size(), 1u);
  // It is no way to make us send without end.
  out.clear();
  for (int i = 0; i < 1'000; ++i) alive("x", 10);
  EXPECT_LE(out.sends.size(), 64u);
}

TEST_F(Claims, ASuspicionEndsInDeathUnlessRefuted) {
  alive("x", 5);
  suspect("x", 5);
  EXPECT_EQ(changes(SwimChange::kSuspected), 1u);
  const auto told = drain();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(as<Suspect>(told[0], MessageType::kSuspect)->from, "b");
  out.clear();
  run(milliseconds(500));
  EXPECT_EQ(standing("x"), "suspect 5");
  alive("x", 6);
  EXPECT_EQ(changes(SwimChange::kCleared), 1u);
  suspect("x", 6);
  run(seconds(20));
  EXPECT_EQ(standing("x"), "dead 6");
}

TEST_F(Claims, EachNewWitnessShortensASuspicionAndIsPassedOn) {
  const auto time_until_dead = [&](int witnesses) {
    make([] {
      SwimOptions options;
      options.name = "me";
      options.advertise = test_endpoint(1);
      options.timing.probe_interval = seconds(1000);  // only what is claimed counts here
      return options;
    }());
    for (unsigned i = 0; i < 8; ++i) alive("host-" + std::to_string(i), 1, 20 + i);
    suspect("host-0", 1, "b");
    drain();
    const Instant since = now.mono;
    for (int i = 0; i < witnesses; ++i) {
      suspect("host-0", 1, std::to_string(i));
      EXPECT_EQ(drain().size(), i < 3 ? 1u : 0u);
      suspect("host-0", 1, std::to_string(i));  // the same one again
      suspect("host-0", 1, "b");
      EXPECT_EQ(drain().size(), 0u);
    }
    while (standing("host-0") == "suspect 1") run(seconds(10));
    return (now.mono - since) / 1'000'000'000;
  };
  // Our own look at it, which is not answered, is a witness more.
  const Duration alone = time_until_dead(0), one = time_until_dead(1), two = time_until_dead(2),
                 three = time_until_dead(3), five = time_until_dead(5);
  EXPECT_NEAR(static_cast<double>(alone.ns), 10'500, 60);
  EXPECT_NEAR(static_cast<double>(one.ns), 6'112, 60);
  EXPECT_NEAR(static_cast<double>(two.ns), 3'000, 60);
  EXPECT_EQ(two, three);
  EXPECT_EQ(three, five);
}

TEST_F(Claims, DeathsAndLeavesOfTheUnknownAreNotKept) {
  for (int i = 0; i < 10'000; ++i) {
    dead("ghost-" + std::to_string(i), 1);
    suspect("ghost-" + std::to_string(i), 1);
  }
  EXPECT_EQ(swim->hosts().known(), 1u);
  EXPECT_TRUE(drain().empty());
}

TEST_F(Claims, AListOfHostsIsReadAsClaimsAndDeathsAsSuspicions) {
  alive("dead", 5, 51);
  alive("suspect", 5, 52);
  alive("left", 5, 53);
  const std::string versions = bytes({});
  const Endpoint at = test_endpoint(60);
  const auto node = [&](std::string_view name, uint32_t incarnation, SwimState state) {
    return NodeState{name, at.bytes(), at.port, "meta", incarnation, state, versions};
  };
  std::vector<NodeState> nodes = {
      node("dead", 5, SwimState::kDead),         node("suspect", 5, SwimState::kSuspect),
      node("left", 5, SwimState::kLeft),         node("alive", 3, SwimState::kAlive),
      node("dead-unknown", 5, SwimState::kDead), node("left-unknown", 5, SwimState::kLeft)};
  nodes.push_back(node("bad", 1, SwimState::kAlive));
  nodes.back().versions = "";
  const SwimMerge merge = swim->merge(nodes, {}, now, out);
  EXPECT_EQ(merge.taken, 7u);
  EXPECT_EQ(merge.incompatible, 1u);
  EXPECT_EQ(standing("dead"), "suspect 5");
  EXPECT_EQ(standing("suspect"), "suspect 5");
  EXPECT_EQ(standing("left"), "left 5");
  EXPECT_EQ(standing("alive"), "alive 3");
  EXPECT_EQ(swim->hosts().known(), 5u);
  std::vector<NodeState> ours;
  swim->local_state(ours);
  ASSERT_EQ(ours.size(), 5u);
  EXPECT_EQ(ours[0].name, "me");
  EXPECT_EQ(ours[0].versions, versions);
}

TEST_F(Claims, WhoLeavesSaysSoAndIsNotContradicted) {
  alive("x", 5);
  drain();
  swim->leave(now, out);
  const auto told = drain();
  ASSERT_EQ(told.size(), 1u);
  const auto message = as<Dead>(told[0], MessageType::kDead);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->node, "me");
  EXPECT_EQ(message->from, "me");
  dead("me", kStart);
  suspect("me", kStart);
  EXPECT_EQ(standing("me"), "left " + std::to_string(kStart));
  EXPECT_TRUE(drain().empty());
}

// Who has just joined a large pool has all of its hosts to tell of, and a packet has no room left
// behind them.
TEST_F(Claims, WhoLeavesHasNothingElseToTell) {
  for (uint32_t i = 0; i < 2'000; ++i) alive("host-" + std::to_string(i), 1, 2 + i);
  EXPECT_EQ(swim->broadcasts().depth(), 2'000u);
  swim->leave(now, out);
  const auto told = drain();
  ASSERT_EQ(told.size(), 1u);
  const auto message = as<Dead>(told[0], MessageType::kDead);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->node, "me");
}

TEST_F(Claims, AnOperatorMayDeclareTheDeadToHaveLeftAndForgetThem) {
  alive("x", 5);
  const HostNumber x = number("x");
  EXPECT_FALSE(swim->declare_left(x, now, out));
  EXPECT_FALSE(swim->forget(x, out));
  dead("x", 5);
  drain();
  EXPECT_TRUE(swim->declare_left(x, now, out));
  EXPECT_EQ(standing("x"), "left 5");
  ASSERT_EQ(drain().size(), 1u);
  EXPECT_TRUE(swim->forget(x, out));
  EXPECT_EQ(standing("x"), "unknown");
  EXPECT_EQ(changes(SwimChange::kForgotten), 1u);
  EXPECT_FALSE(swim->forget(HostTable::kSelf, out));
}

TEST_F(Claims, TheGoneAreForgottenAfterADay) {
  alive("dead", 5, 51);
  alive("left", 5, 52);
  dead("dead", 5);
  dead("left", 5, "left");
  run(seconds(24 * 3600 - 20));
  EXPECT_EQ(swim->hosts().known(), 3u);
  run(seconds(60));
  EXPECT_EQ(swim->hosts().known(), 1u);
}

TEST_F(Claims, AMillionInventedHostsFindNoRoom) {
  SwimOptions options;
  options.name = "me";
  options.advertise = test_endpoint(1);
  options.max_hosts = 6'000;
  make(options);
  // They come and go, and some never go.
  for (uint32_t i = 0; i < 1'000'000; ++i) {
    const std::string name = "host-" + std::to_string(i);
    alive(name, 1, 2 + i % 60'000);
    if (i % 50 != 0) dead(name, 1, i % 3 == 0 ? std::string_view(name) : "b");
    out.clear();
    if (i % 1'000 == 0) run(milliseconds(600));
  }
  EXPECT_LE(swim->hosts().known(), 6'000u);
  EXPECT_LE(swim->hosts().limit(), 6'001u);
  EXPECT_LE(swim->broadcasts().depth(), 4'096u);
  EXPECT_GT(swim->stats().forgotten_early + swim->stats().no_room, 900'000u);
}

// For properties: a Swim whose pings are answered as far as time goes on.
class Told final : public OneSwim {
 public:
  explicit Told(std::string_view name = "me", unsigned at = 1) {
    SwimOptions options;
    options.name = name;
    options.advertise = test_endpoint(at);
    options.timing.plain_swim = true;  // what we see ourselves is not what is tested
    options.timing.probe_interval = seconds(10);
    options.timing.probe_timeout = seconds(5);
    make(options);
  }
  void TestBody() override {}
  void go_on(Duration time) {
    for (const Instant end = now.mono + time; now.mono < end;) {
      out.clear();
      run(seconds(1));
      for (const SwimSend& send : out.sends) {
        const auto ping = as<Ping>(send.message, MessageType::kPing);
        if (ping) swim->receive(Ack{ping->seq_no, {}}, send.to, now, out);
      }
    }
    out.clear();
  }
  void tell(char kind, std::string_view name, uint32_t incarnation, std::string_view from) {
    const auto at = 50 + static_cast<unsigned>(name.back() - 'a');
    if (kind == 'a') alive(name, incarnation, at);
    if (kind == 's') suspect(name, incarnation, from);
    if (kind == 'd') dead(name, incarnation, from);
    if (kind == 'l') dead(name, incarnation, name);
  }
  void merge(const Told& other) {
    std::vector<NodeState> nodes;
    other.swim->local_state(nodes);
    swim->merge(nodes, {}, now, out);
  }
  // (incarnation, state), 0 while unknown.
  uint64_t rank(std::string_view name) const {
    const HostNumber host = number(name);
    if (host == HostTable::kNone) return 0;
    const HostTable::Host& h = swim->hosts()[host];
    return uint64_t{h.incarnation} << 2 | static_cast<uint64_t>(h.state);
  }
  // "alive 5", "gone" (also if never known).
  std::string fate(std::string_view name) const {
    const std::string now_is = standing(name);
    return now_is.starts_with("alive") || now_is.starts_with("suspect") ? now_is : "gone";
  }
  uint32_t incarnation(std::string_view name) const {
    return swim->hosts()[number(name)].incarnation;
  }
  template <class Message>
  void hand(const Message& message) {
    swim->receive(message, sender, now, out);
  }
  std::optional<Alive> announced() {
    told = drain();
    for (const std::string& message : told) {
      if (const auto found = as<Alive>(message, MessageType::kAlive)) return found;
    }
    return std::nullopt;
  }

 private:
  std::vector<std::string> told;
};

struct Saying {
  char kind;
  std::string name;
  uint32_t incarnation;
  std::string from;
};

std::vector<Saying> sayings() {
  const auto saying = rc::gen::construct<Saying>(
      rc::gen::element('a', 'a', 's', 'd', 'l'), rc::gen::element<std::string>("a", "b", "c"),
      rc::gen::inRange<uint32_t>(1, 8), rc::gen::element<std::string>("w", "x", "y", "z"));
  return *rc::gen::container<std::vector<Saying>>(saying);
}

void showValue(const Saying& saying, std::ostream& out) {
  out << saying.kind << saying.incarnation << " " << saying.name << " by " << saying.from;
}

RC_GTEST_PROP(ClaimsProperty, WhatIsKnownOfAHostNeverGoesBack, ()) {
  Told host;
  std::map<std::string, uint64_t> before;
  for (const Saying& saying : sayings()) {
    host.tell(saying.kind, saying.name, saying.incarnation, saying.from);
    if (*rc::gen::inRange(0, 8) == 0) host.go_on(seconds(*rc::gen::inRange(1, 40)));
    for (const std::string name : {"a", "b", "c"}) {
      RC_ASSERT(host.rank(name) >= before[name]);
      before[name] = host.rank(name);
    }
  }
}

RC_GTEST_PROP(ClaimsProperty, TheSameClaimsInAnyOrderEndAlike, ()) {
  const std::vector<Saying> said = sayings();
  std::vector<size_t> order(said.size());
  std::iota(order.begin(), order.end(), 0);
  Prng prng(*rc::gen::arbitrary<uint64_t>());
  prng.shuffle(order);
  Told one("one", 1), other("other", 2);
  for (const Saying& s : said) one.tell(s.kind, s.name, s.incarnation, s.from);
  for (const size_t i : order) {
    const Saying& s = said[i];
    other.tell(s.kind, s.name, s.incarnation, s.from);
  }
  const auto settle = [&] {
    one.go_on(seconds(200));
    other.go_on(seconds(200));
  };
  settle();
  one.merge(other);
  other.merge(one);
  settle();
  for (const std::string name : {"a", "b", "c"}) RC_ASSERT(one.fate(name) == other.fate(name));
}

RC_GTEST_PROP(ClaimsProperty, ARefutationWinsOverWhatItAnswers, ()) {
  Told accused("a", 50), viewer("viewer", 1);
  viewer.tell('a', "a", kStart, "");
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    const auto claimed = static_cast<uint32_t>(int64_t{kStart} + *rc::gen::inRange(-2, 4));
    viewer.tell(*rc::gen::element('s', 'd', 'l'), "a", claimed, "w");
  }
  if (viewer.standing("a").starts_with("alive")) return;  // only claims that were too old
  // It hears of the worst that is said of it, and what it answers is believed.
  const uint32_t worst = viewer.incarnation("a");
  RC_ASSERT(worst >= kStart);
  if (viewer.standing("a").starts_with("suspect")) accused.hand(Suspect{worst, "a", "w"});
  if (viewer.standing("a").starts_with("dead")) accused.hand(Dead{worst, "a", "w"});
  if (viewer.standing("a").starts_with("left")) accused.hand(Dead{worst, "a", "a"});
  const auto answer = accused.announced();
  RC_ASSERT(answer.has_value());
  RC_ASSERT(answer->incarnation > worst);
  viewer.hand(*answer);
  RC_ASSERT(viewer.standing("a") == "alive " + std::to_string(answer->incarnation));
  // And no accusation up to there comes after it.
  viewer.tell(*rc::gen::element('s', 'd', 'l'), "a", worst, "y");
  RC_ASSERT(viewer.standing("a") == "alive " + std::to_string(answer->incarnation));
}

}  // namespace
}  // namespace phoenix::gossip
