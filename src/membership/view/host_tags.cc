#include "membership/view/host_tags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/siphash.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kMaxAddress = 64;
constexpr size_t kKept = 15;  // of a text that is cut
constexpr std::array<std::string_view, 10> kNames = {"api",  "boot",  "peer", "phx", "pool",
                                                     "ring", "store", "ver",  "vnf", "weight"};

tl::unexpected<Error> bad(std::string_view tag, std::string_view value, std::string_view allowed) {
  return invalid(fmt::format("tag:{}", tag), fmt::format("`{}` is not {}", value, allowed));
}

// What the host tags say, by their place in kNames.
class Told {
 public:
  // `tags`: pairs of texts, each name once.
  template <class Tags>
  explicit Told(const Tags& tags) {
    for (const auto& [name, value] : tags) {
      const auto at = std::lower_bound(kNames.begin(), kNames.end(), name);
      if (at == kNames.end() || *at != name) continue;
      values_[static_cast<size_t>(at - kNames.begin())] = {value, true};
    }
  }
  bool has(std::string_view name) const { return values_[place(name)].there; }
  std::string_view text(std::string_view name) const { return values_[place(name)].text; }
  bool number(std::string_view name, int base, uint64_t max, uint64_t& out) const {
    const std::string_view digits = text(name);
    const char* const end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, out, base);
    return error == std::errc() && stopped == end && out <= max;
  }

 private:
  struct Value {
    std::string_view text;
    bool there = false;
  };
  static constexpr size_t place(std::string_view name) {
    size_t at = 0;
    while (kNames[at] != name) ++at;
    return at;
  }
  std::array<Value, kNames.size()> values_{};
};

Result<std::optional<HostTags>> parse(const Told& told) {
  if (!told.has("phx")) return std::optional<HostTags>();
  HostTags out;
  uint64_t messages = 0, weight = 0, factor = 0;
  if (!told.number("phx", 10, UINT32_MAX, messages) || messages == 0) {
    return bad("phx", told.text("phx"), "a version from 1 on");
  }
  if (!told.number("weight", 10, UINT32_MAX, weight)) {
    return bad("weight", told.text("weight"), "a number of 32 bits");
  }
  if (!told.number("vnf", 10, UINT32_MAX, factor)) {
    return bad("vnf", told.text("vnf"), "a number of 32 bits");
  }
  if (told.text("boot").size() != 16 || !told.number("boot", 16, UINT64_MAX, out.boot) ||
      out.boot == 0) {
    return bad("boot", told.text("boot"), "16 hexadecimal digits, not all 0");
  }
  out.messages = static_cast<uint32_t>(messages);
  out.weight = static_cast<uint32_t>(weight);
  out.api = told.text("api");
  out.peer = told.text("peer");
  out.version = told.text("ver");
  out.identity = {std::string(told.text("pool")), std::string(told.text("ring")),
                  static_cast<uint32_t>(factor), std::string(told.text("store"))};
  return std::optional<HostTags>(std::move(out));
}

}  // namespace

std::string tag_text(std::string_view text) {
  if (text.size() <= kMaxTagText) return std::string(text);
  // Everybody must compute the same hash, so it has no secret.
  return fmt::format("{}~{:016x}", text.substr(0, kKept), siphash13(RingKey{}, text));
}

bool is_host_tag(std::string_view name) {
  return std::binary_search(kNames.begin(), kNames.end(), name);
}

Result<TagMap> make_tags(const HostTags& host) {
  for (const auto& [name, value] :
       {std::pair<std::string_view, const std::string&>{"api", host.api}, {"peer", host.peer}}) {
    if (value.size() > kMaxAddress) return bad(name, value, "at most 64 bytes long");
  }
  if (host.version.size() > kMaxTagText) return bad("ver", host.version, "at most 32 bytes long");
  if (host.boot == 0) return bad("boot", "0", "the id of a process");
  TagMap out;
  out["phx"] = std::to_string(host.messages);
  if (!host.api.empty()) out["api"] = host.api;
  if (!host.peer.empty()) out["peer"] = host.peer;
  out["weight"] = std::to_string(host.weight);
  out["boot"] = fmt::format("{:016x}", host.boot);
  if (!host.version.empty()) out["ver"] = host.version;
  out["pool"] = tag_text(host.identity.pool);
  out["ring"] = tag_text(host.identity.ring_fingerprint);
  out["vnf"] = std::to_string(host.identity.vnode_factor);
  out["store"] = tag_text(host.identity.store);
  return out;
}

Result<std::optional<HostTags>> parse_tags(const TagMap& tags) { return parse(Told(tags)); }
Result<std::optional<HostTags>> parse_tags(TagSpan tags) { return parse(Told(tags)); }

size_t encoded_size(const TagMap& tags) {
  const auto text_size = [](const std::string& value) {
    return value.size() + (value.size() <= 31 ? 1 : value.size() <= 0xffff ? 3 : 5);
  };
  size_t out = 1 + (tags.size() <= 15 ? 1 : 3);
  for (const auto& [name, value] : tags) out += text_size(name) + text_size(value);
  return out;
}

std::string difference(const PoolIdentity& ours, const PoolIdentity& theirs) {
  if (ours == theirs) return {};  // as nearly always
  std::string out;
  const auto compare = [&](std::string_view field, const std::string& a, const std::string& b) {
    if (a == b) return;
    if (!out.empty()) out += "; ";
    out += fmt::format("{}: ours {}, theirs {}", field, a.empty() ? "none" : a,
                       b.empty() ? "none" : b);
  };
  compare("pool", tag_text(ours.pool), tag_text(theirs.pool));
  compare("ring key", tag_text(ours.ring_fingerprint), tag_text(theirs.ring_fingerprint));
  compare("v-node factor", std::to_string(ours.vnode_factor), std::to_string(theirs.vnode_factor));
  compare("store", tag_text(ours.store), tag_text(theirs.store));
  return out;
}

}  // namespace phoenix::gossip
