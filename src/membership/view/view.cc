#include "membership/view/view.h"

#include <algorithm>
#include <utility>

#include "base/msgpack.h"
#include "membership/view/observer_rings.h"

namespace phoenix::gossip {
namespace {

constexpr Duration kShortestTrial = seconds(10);
constexpr Duration kLongestTrial = seconds(int64_t{5} * 60);

template <class Entry>
const Entry* find_by_name(const std::vector<Entry>& ordered, std::string_view name) {
  const auto at = std::lower_bound(
      ordered.begin(), ordered.end(), name,
      [](const Entry& entry, std::string_view wanted) { return entry.name < wanted; });
  return at != ordered.end() && at->name == name ? &*at : nullptr;
}

// One entry of a list that is ordered by name.
template <class Entry>
std::string next_name(MsgpackReader& in, const std::vector<Entry>& before) {
  std::string name(in.str());
  if (name.empty() || name.size() > kMaxHostName) in.reject();
  if (!before.empty() && name <= before.back().name) in.reject();
  return name;
}

}  // namespace

const ViewHost* View::find(std::string_view name) const { return find_by_name(hosts, name); }
const RemovedHost* View::find_removed(std::string_view name) const {
  return find_by_name(removed, name);
}

std::string encode(const View& view) {
  std::string out;
  MsgpackWriter writer(out);
  writer.array(3);
  writer.uint(view.number);
  writer.array(static_cast<uint32_t>(view.hosts.size()));
  for (const ViewHost& host : view.hosts) {
    writer.array(4);
    writer.str(host.name);
    writer.uint(host.incarnation);
    writer.uint(host.weight);
    writer.uint(host.boot);
  }
  writer.array(static_cast<uint32_t>(view.removed.size()));
  for (const RemovedHost& host : view.removed) {
    writer.array(4);
    writer.str(host.name);
    writer.uint(host.incarnation);
    writer.uint(host.times);
    writer.uint(host.number);
  }
  return out;
}

bool decode(std::string_view bytes, View& out) {
  MsgpackReader in(bytes);
  out = {};
  in.array_of(3);
  out.number = in.uint();
  const uint32_t hosts = in.array();
  if (hosts > kMaxViewHosts) return false;
  for (uint32_t i = 0; i < hosts && in.ok(); ++i) {
    in.array_of(4);
    ViewHost host;
    host.name = next_name(in, out.hosts);
    host.incarnation = static_cast<uint32_t>(in.uint(UINT32_MAX));
    host.weight = static_cast<uint32_t>(in.uint(UINT32_MAX));
    host.boot = in.uint();
    out.hosts.push_back(std::move(host));
  }
  const uint32_t removed = in.array();
  if (removed > kMaxRemoved) return false;
  for (uint32_t i = 0; i < removed && in.ok(); ++i) {
    in.array_of(4);
    RemovedHost host;
    host.name = next_name(in, out.removed);
    host.incarnation = static_cast<uint32_t>(in.uint(UINT32_MAX));
    host.times = static_cast<uint32_t>(in.uint(UINT32_MAX));
    host.number = in.uint(out.number);
    if (host.times == 0) in.reject();
    out.removed.push_back(std::move(host));
  }
  return in.at_end();
}

Duration trial_length(uint32_t times) {
  Duration length = kShortestTrial;
  for (uint32_t i = 1; i < times && length < kLongestTrial; ++i) length = length * 2;
  return std::min(length, kLongestTrial);
}

std::string trial_text(const RemovedHost& removed) {
  return "comes back after " + std::to_string(trial_length(removed.times).ms() / 1'000) +
         " s of answered pings";
}

ViewRef make_view(View view) { return std::make_shared<const RankedView>(std::move(view)); }

}  // namespace phoenix::gossip
