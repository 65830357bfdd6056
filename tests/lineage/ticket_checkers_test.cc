// The checker for tools (clients/cpp/phoenix_ticket.h) beside the program's own: over the golden
// tickets and everything that one flipped bit makes of them, they say the same.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "base/bytes_text.h"
#include "clients/cpp/phoenix_ticket.h"
#include "lineage/form/shown_ticket.h"

namespace phoenix::lineage {
namespace {

constexpr WallMs kNow = 1'790'000'000'100;

KeyPair pair_of(uint8_t byte) {
  Seed seed;
  seed.fill(byte);
  return KeyPair::from_seed(seed);
}

std::map<std::string, std::string> golden() {
  std::ifstream file(PHOENIX_VECTORS "/golden.json");
  std::stringstream text;
  text << file.rdbuf();
  const std::string json = text.str();
  std::map<std::string, std::string> found;
  const std::regex line("\"(shown-[a-z-]+)\": \"([0-9a-f]*)\"");
  for (std::sregex_iterator it(json.begin(), json.end(), line), end; it != end; ++it) {
    const std::string hex = (*it)[2];
    std::string& bytes = found[(*it)[1]];
    for (size_t i = 0; i < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
  }
  return found;
}

class TicketCheckers : public testing::Test {
 protected:
  void trust(NamedKey key) {
    EXPECT_TRUE(tool_.trust(render_public(key)));
    keys_.push_back(std::move(key));
  }
  void trust_all() {
    trust({KeyRole::kHost, "h1", pair_of(2).public_key()});
    trust({KeyRole::kRoot, "demo", pair_of(1).public_key()});
  }
  std::string by_tool(const std::string& bytes, WallMs now = kNow, uint64_t seen = 0) {
    return tool_.check(base64_text(bytes), now, seen, ticket_);
  }
  std::string by_program(const std::string& bytes, WallMs now = kNow, uint64_t seen = 0) const {
    const auto shown = decode<ShownTicket>(bytes);
    if (!shown) return shown.error().reason_code;
    const auto checked = check_ticket(*shown, keys_, now, seen);
    return checked ? "" : checked.error().reason_code;
  }

  std::vector<NamedKey> keys_;
  phoenixflight::TicketChecker tool_;
  phoenixflight::Ticket ticket_;
};

TEST_F(TicketCheckers, ReadTheGoldenTickets) {
  trust_all();
  ASSERT_EQ(golden().size(), 2U);
  EXPECT_EQ(by_tool(golden()["shown-alone"]), "");
  EXPECT_EQ(by_program(golden()["shown-alone"]), "");
  const std::string granted_by_nobody = golden()["shown-of-session"];
  EXPECT_EQ(by_tool(granted_by_nobody), "unknown-key") << "a root is given, so it needs its grant";
  EXPECT_EQ(by_program(granted_by_nobody), "unknown-key");
  tool_ = {};
  keys_.clear();
  trust({KeyRole::kHost, "h1", pair_of(2).public_key()});
  EXPECT_EQ(by_program(granted_by_nobody), "");
  EXPECT_EQ(by_tool(granted_by_nobody), "");
  EXPECT_EQ(ticket_.pool, "demo");
  EXPECT_EQ(ticket_.packet, "pkt_2");
  EXPECT_EQ(ticket_.epoch, 9U);
  EXPECT_EQ(ticket_.owner, "receiver");
  EXPECT_EQ(ticket_.incarnation, 2U);
  EXPECT_EQ(ticket_.scopes, std::vector<std::string>{"read"});
  EXPECT_EQ(ticket_.expires_at_ms - ticket_.issued_at_ms, 3000);
}

TEST_F(TicketCheckers, RefuseWhatIsOverOrStaleOrFromTheFuture) {
  trust_all();
  const std::string bytes = golden()["shown-alone"];
  const std::tuple<WallMs, uint64_t, const char*> cases[] = {
      {kNow, 4, ""},
      {kNow, 5, "stale-epoch"},
      {kNow + 3000, 0, "expired"},
      {kNow - 80 - kTicketSkewMs, 0, ""},
      {kNow - 81 - kTicketSkewMs, 0, "clock-behind"}};
  for (const auto& [now, seen, why] : cases) {
    EXPECT_EQ(by_tool(bytes, now, seen), why);
    EXPECT_EQ(by_program(bytes, now, seen), why);
  }
}

TEST_F(TicketCheckers, AgreeOnEveryFlippedBit) {
  trust({KeyRole::kRoot, "demo", pair_of(1).public_key()});
  trust({KeyRole::kHost, "h1", pair_of(2).public_key()});
  for (const auto& [name, bytes] : golden()) {
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string altered = bytes;
      altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_EQ(by_tool(altered).empty(), by_program(altered).empty()) << name << ", bit " << bit;
      EXPECT_FALSE(bit > 30 * 8 && name == "shown-of-session" && by_tool(altered).empty()) << bit;
    }
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_NE(by_tool(bytes.substr(0, size)), "") << name << ", cut at " << size;
    }
  }
}

TEST_F(TicketCheckers, TrustNothingButHostsAndRoots) {
  EXPECT_FALSE(tool_.trust("no key"));
  EXPECT_FALSE(
      tool_.trust(render_public({KeyRole::kMember, "default/a", pair_of(2).public_key()})));
  for (const auto& [name, bytes] : golden()) EXPECT_EQ(by_tool(bytes), "unknown-key") << name;
  trust({KeyRole::kRoot, "demo", pair_of(1).public_key()});
  EXPECT_EQ(by_tool(golden()["shown-alone"]), "");
  EXPECT_EQ(by_tool(golden()["shown-of-session"]), "unknown-key");
}

}  // namespace
}  // namespace phoenix::lineage
