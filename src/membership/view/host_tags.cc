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

bool number(const TagMap& tags, std::string_view name, int base, uint64_t max, uint64_t& out) {
  const auto at = tags.find(std::string(name));
  if (at == tags.end() || at->second.empty()) return false;
  const std::string& text = at->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && out <= max;
}

std::string_view text(const TagMap& tags, std::string_view name) {
  const auto at = tags.find(std::string(name));
  return at == tags.end() ? std::string_view() : std::string_view(at->second);
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

Result<std::optional<HostTags>> parse_tags(const TagMap& tags) {
  if (!tags.contains("phx")) return std::optional<HostTags>();
  HostTags out;
  uint64_t messages = 0, weight = 0, factor = 0;
  if (!number(tags, "phx", 10, UINT32_MAX, messages) || messages == 0) {
    return bad("phx", text(tags, "phx"), "a version from 1 on");
  }
  if (!number(tags, "weight", 10, UINT32_MAX, weight)) {
    return bad("weight", text(tags, "weight"), "a number of 32 bits");
  }
  if (!number(tags, "vnf", 10, UINT32_MAX, factor)) {
    return bad("vnf", text(tags, "vnf"), "a number of 32 bits");
  }
  if (text(tags, "boot").size() != 16 || !number(tags, "boot", 16, UINT64_MAX, out.boot) ||
      out.boot == 0) {
    return bad("boot", text(tags, "boot"), "16 hexadecimal digits, not all 0");
  }
  out.messages = static_cast<uint32_t>(messages);
  out.weight = static_cast<uint32_t>(weight);
  out.api = text(tags, "api");
  out.peer = text(tags, "peer");
  out.version = text(tags, "ver");
  out.identity = {std::string(text(tags, "pool")), std::string(text(tags, "ring")),
                  static_cast<uint32_t>(factor), std::string(text(tags, "store"))};
  return std::optional<HostTags>(std::move(out));
}

size_t encoded_size(const TagMap& tags) {
  const auto text_size = [](const std::string& value) {
    return value.size() + (value.size() <= 31 ? 1 : value.size() <= 0xffff ? 3 : 5);
  };
  size_t out = 1 + (tags.size() <= 15 ? 1 : 3);
  for (const auto& [name, value] : tags) out += text_size(name) + text_size(value);
  return out;
}

std::string difference(const PoolIdentity& ours, const PoolIdentity& theirs) {
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
