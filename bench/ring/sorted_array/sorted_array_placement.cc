// The whole of class Placement once more, on a plain sorted array: one vector of (position,
// member), binary search, and a walk to the first k eligible. For comparison only. A program that
// has this object gets none of src/ring's own placement, for its symbols are the same.
//
// It is what one would write without any index, but not carelessly: v-nodes wait until somebody
// reads and are then merged at once, members are compared by a signature of 64 bits first, and a
// walk ends when all who match have been met.

#include <algorithm>
#include <deque>
#include <limits>
#include <string>
#include <unordered_map>

#include "ring/encoder.h"
#include "ring/placement.h"
#include "ring/score.h"

namespace phoenix {
namespace {

using Ids = std::vector<uint32_t>;  // ascending

uint64_t signature_of(const Ids& ids) {
  uint64_t signature = 0;
  for (const uint32_t id : ids) signature |= uint64_t{1} << (id & 63);
  return signature;
}

struct Vnode {
  Position position;
  MemberIndex member;
};

// What a walk reads of a member.
struct PlainStanding {
  int64_t room = 0;
  uint64_t merit = 0;
  uint64_t resistance = 0;
};

struct PlainMember {
  RingMember record;
  Ids capabilities;
  uint32_t load = 0;
  bool joined = false;
  bool open = false;
};

struct PlainClass {
  std::string ns;
  Names names;
  std::string key;
  Match match = Match::kAll;
  Ids needed;
  uint64_t signature = 0;
  uint32_t users = 0;
  uint32_t capable = 0;
  bool used = false;
};

}  // namespace

struct Placement::Impl {
  RingKey key;
  PlacementOptions options;
  Counts counts;
  std::deque<PlainMember> members;
  std::vector<PlainStanding> standings;
  std::vector<uint64_t> signatures;
  std::vector<MemberIndex> free_members;
  std::vector<Vnode> ring;
  std::vector<MemberIndex> waiting;
  std::vector<Vnode> fresh;
  size_t vnodes = 0;
  std::unordered_map<std::string, uint32_t> capability_ids;
  std::vector<uint32_t> holders;  // by capability
  std::deque<PlainClass> classes;
  std::vector<ClassId> free_classes;
  std::unordered_map<std::string, ClassId> class_ids;
  size_t idle = 0;
  std::vector<uint32_t> stamps;  // by member: the last walk that met it
  uint32_t walks = 0;

  uint32_t capability(std::string_view ns, std::string_view name, bool is_namespace);
  Ids capabilities_of(const RingMember& record);
  void count(const Ids& ids, uint32_t by);
  bool matches(MemberIndex index, const PlainClass& cls) const;
  bool before(MemberIndex a, MemberIndex b) const {
    const RingMember& left = members[a].record;
    const RingMember& right = members[b].record;
    return left.ns != right.ns ? left.ns < right.ns : left.id < right.id;
  }
  bool before(const Vnode& a, const Vnode& b) const {
    return a.position != b.position ? a.position < b.position
                                    : a.member != b.member && before(a.member, b.member);
  }
  void refresh(MemberIndex index);
  void put_vnodes(MemberIndex index);
  void drop_vnodes(MemberIndex index);
  void settle();
  void recount(MemberIndex index, int by);
  void forget_idle();

  // Distinct matching members, clockwise, until `visit` says false or all have been met.
  template <class Visit>
  void walk(Position from, const PlainClass& cls, const Visit& visit);
  bool better(MemberIndex a, MemberIndex b) const {
    const uint64_t left = standings[a].merit * standings[b].resistance;
    const uint64_t right = standings[b].merit * standings[a].resistance;
    return left != right ? left > right : before(a, b);
  }
  bool eligible(MemberIndex index, const PlaceQuery& query) const {
    return standings[index].room >= int64_t{query.load} &&
           (query.permit == nullptr || query.permit->may(index));
  }
};

uint32_t Placement::Impl::capability(std::string_view ns, std::string_view name,
                                     bool is_namespace) {
  ring::Encoder encoder;
  encoder.byte(is_namespace ? 'N' : 'C');
  encoder.text(ns);
  encoder.text(name);
  const auto [at, added] =
      capability_ids.emplace(encoder.view(), static_cast<uint32_t>(capability_ids.size()));
  if (added) holders.push_back(0);
  return at->second;
}

Ids Placement::Impl::capabilities_of(const RingMember& record) {
  Ids ids = {capability(record.ns, {}, true)};
  for (const std::string& name : record.capabilities) {
    ids.push_back(capability(record.ns, name, false));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Placement::Impl::count(const Ids& ids, uint32_t by) {
  for (const uint32_t id : ids) holders[id] += by;
}

bool Placement::Impl::matches(MemberIndex index, const PlainClass& cls) const {
  const uint64_t common = signatures[index] & cls.signature;
  const Ids& held = members[index].capabilities;
  if (cls.match == Match::kAll) {
    return common == cls.signature &&
           std::includes(held.begin(), held.end(), cls.needed.begin(), cls.needed.end());
  }
  return common != 0 && std::any_of(cls.needed.begin(), cls.needed.end(), [&held](uint32_t id) {
           return std::binary_search(held.begin(), held.end(), id);
         });
}

void Placement::Impl::refresh(MemberIndex index) {
  const PlainMember& member = members[index];
  PlainStanding& standing = standings[index];
  standing.room = member.open ? int64_t{member.record.max_load} - int64_t{member.load}
                              : std::numeric_limits<int64_t>::min();
  standing.merit = merit_of(member.record.reliability, member.record.trust);
  standing.resistance = resistance_of(member.load, member.record.max_load);
}

void Placement::Impl::put_vnodes(MemberIndex index) {
  waiting.push_back(index);
  vnodes += vnode_count(members[index].record.weight);
}

void Placement::Impl::drop_vnodes(MemberIndex index) {
  vnodes -= vnode_count(members[index].record.weight);
  std::erase(waiting, index);
  std::erase_if(ring, [index](const Vnode& vnode) { return vnode.member == index; });
}

void Placement::Impl::settle() {
  if (waiting.empty()) return;
  fresh.clear();
  for (const MemberIndex index : waiting) {
    const RingMember& record = members[index].record;
    for (uint32_t replica = 0; replica < vnode_count(record.weight); ++replica) {
      const Position position = vnode_position(key, record.ns, record.id, replica);
      fresh.push_back({position & options.position_mask, index});
    }
  }
  waiting.clear();
  const auto in_order = [this](const Vnode& a, const Vnode& b) { return before(a, b); };
  std::sort(fresh.begin(), fresh.end(), in_order);
  std::vector<Vnode> merged(ring.size() + fresh.size());
  std::merge(ring.begin(), ring.end(), fresh.begin(), fresh.end(), merged.begin(), in_order);
  ring = std::move(merged);
}

void Placement::Impl::recount(MemberIndex index, int by) {
  for (PlainClass& cls : classes) {
    if (cls.used && matches(index, cls)) cls.capable += static_cast<uint32_t>(by);
  }
}

void Placement::Impl::forget_idle() {
  if (idle <= options.idle_classes) return;
  for (ClassId id = 0; id < classes.size(); ++id) {
    if (!classes[id].used || classes[id].users > 0) continue;
    class_ids.erase(classes[id].key);
    classes[id] = PlainClass{};
    free_classes.push_back(id);
  }
  idle = 0;
}

template <class Visit>
void Placement::Impl::walk(Position from, const PlainClass& cls, const Visit& visit) {
  settle();
  stamps.resize(members.size());
  ++walks;
  uint32_t left = cls.capable;
  const auto first = std::lower_bound(
      ring.begin(), ring.end(), from,
      [](const Vnode& vnode, Position position) { return vnode.position < position; });
  auto at = static_cast<size_t>(first - ring.begin());
  for (size_t steps = ring.size(); steps > 0 && left > 0; --steps, ++at) {
    if (at == ring.size()) at = 0;
    ++counts.examined;
    const Vnode& vnode = ring[at];
    if (stamps[vnode.member] == walks || !matches(vnode.member, cls)) continue;
    stamps[vnode.member] = walks;
    --left;
    if (!visit(vnode)) return;
  }
}

Placement::Placement(const RingKey& key, const PlacementOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->key = key;
  impl_->options = options;
}
Placement::~Placement() = default;

const RingKey& Placement::key() const { return impl_->key; }

MemberIndex Placement::join(const RingMember& member) {
  Impl& s = *impl_;
  MemberIndex index = static_cast<MemberIndex>(s.members.size());
  if (s.free_members.empty()) {
    s.members.emplace_back();
    s.standings.emplace_back();
    s.signatures.push_back(0);
  } else {
    index = s.free_members.back();
    s.free_members.pop_back();
  }
  s.members[index] = {member, s.capabilities_of(member), 0, true, true};
  s.count(s.members[index].capabilities, 1);
  s.signatures[index] = signature_of(s.members[index].capabilities);
  s.refresh(index);
  s.put_vnodes(index);
  s.recount(index, 1);
  return index;
}

void Placement::leave(MemberIndex index) {
  Impl& s = *impl_;
  s.recount(index, -1);
  s.drop_vnodes(index);
  s.count(s.members[index].capabilities, ~uint32_t{0});
  s.members[index] = PlainMember{};
  s.signatures[index] = 0;
  s.refresh(index);
  s.free_members.push_back(index);
}

MemberIndex Placement::update(MemberIndex index, const RingMember& member) {
  Impl& s = *impl_;
  PlainMember& known = s.members[index];
  s.recount(index, -1);
  s.count(known.capabilities, ~uint32_t{0});
  const bool moves = known.record.weight != member.weight;
  if (moves) s.drop_vnodes(index);
  known.record = member;
  known.capabilities = s.capabilities_of(member);
  s.signatures[index] = signature_of(known.capabilities);
  s.count(known.capabilities, 1);
  if (moves) s.put_vnodes(index);
  s.recount(index, 1);
  s.refresh(index);
  return index;
}

void Placement::set_open(MemberIndex index, bool open) {
  impl_->members[index].open = open;
  impl_->refresh(index);
}

void Placement::add_load(MemberIndex index, int64_t delta) {
  PlainMember& member = impl_->members[index];
  member.load = static_cast<uint32_t>(member.load + delta);
  impl_->refresh(index);
}

uint32_t Placement::load(MemberIndex index) const { return impl_->members[index].load; }
uint32_t Placement::max_load(MemberIndex index) const {
  return impl_->members[index].record.max_load;
}
std::string_view Placement::ns(MemberIndex index) const { return impl_->members[index].record.ns; }
std::string_view Placement::id(MemberIndex index) const { return impl_->members[index].record.id; }
bool Placement::open(MemberIndex index) const { return impl_->members[index].open; }

ClassId Placement::intern(std::string_view ns, std::span<const std::string> capabilities,
                          Match match) {
  Impl& s = *impl_;
  ring::Encoder encoder;
  encoder.byte(match == Match::kAll ? 'a' : 'o');
  encoder.text(ns);
  for (const std::string& name : capabilities) encoder.text(name);
  std::string key(encoder.view());
  if (const auto found = s.class_ids.find(key); found != s.class_ids.end()) {
    if (s.classes[found->second].users++ == 0) --s.idle;
    return found->second;
  }
  ClassId id = static_cast<ClassId>(s.classes.size());
  if (s.free_classes.empty()) {
    s.classes.emplace_back();
  } else {
    id = s.free_classes.back();
    s.free_classes.pop_back();
  }
  PlainClass& cls = s.classes[id];
  cls = {.ns = std::string(ns),
         .names = std::vector<std::string>(capabilities.begin(), capabilities.end()),
         .key = key,
         .match = match,
         .needed = {},
         .users = 1,
         .used = true};
  for (const std::string& name : capabilities) cls.needed.push_back(s.capability(ns, name, false));
  if (cls.needed.empty()) cls.needed.push_back(s.capability(ns, {}, true));
  std::sort(cls.needed.begin(), cls.needed.end());
  cls.signature = signature_of(cls.needed);
  for (MemberIndex index = 0; index < s.members.size(); ++index) {
    if (s.members[index].joined && s.matches(index, cls)) ++cls.capable;
  }
  s.class_ids.emplace(std::move(key), id);
  return id;
}

void Placement::retain(ClassId cls) { ++impl_->classes[cls].users; }
void Placement::release(ClassId cls) {
  if (--impl_->classes[cls].users > 0) return;
  ++impl_->idle;
  impl_->forget_idle();
}
std::span<const std::string> Placement::capabilities(ClassId cls) const {
  return impl_->classes[cls].names;
}
const Names& Placement::names(ClassId cls) const { return impl_->classes[cls].names; }
std::string_view Placement::ns_of(ClassId cls) const { return impl_->classes[cls].ns; }
Match Placement::match(ClassId cls) const { return impl_->classes[cls].match; }

bool Placement::matches(MemberIndex index, ClassId cls) const {
  return impl_->matches(index, impl_->classes[cls]);
}

size_t Placement::capable(ClassId cls) const { return impl_->classes[cls].capable; }

std::vector<std::string> Placement::missing(ClassId id) const {
  const PlainClass& cls = impl_->classes[id];
  std::vector<std::string> names;
  for (const std::string& name : cls.names) {
    if (impl_->holders[impl_->capability(cls.ns, name, false)] == 0) names.push_back(name);
  }
  return names;
}

MemberIndex Placement::owner(Position position) const {
  impl_->settle();
  if (impl_->ring.empty()) return kNoMember;
  const auto at =
      std::lower_bound(impl_->ring.begin(), impl_->ring.end(), position,
                       [](const Vnode& vnode, Position wanted) { return vnode.position < wanted; });
  return at == impl_->ring.end() ? impl_->ring.front().member : at->member;
}

void Placement::owners(std::span<const Position> positions, std::span<MemberIndex> out) const {
  for (size_t i = 0; i < positions.size(); ++i) out[i] = owner(positions[i]);
}

std::optional<MemberIndex> Placement::place(const PlaceQuery& query) const {
  Impl& s = *impl_;
  const size_t k = query.nearest_first || query.k == 0 ? 1 : query.k;
  MemberIndex best = kNoMember;
  size_t found = 0;
  bool avoided = false;
  s.walk(query.point, s.classes[query.cls], [&](const Vnode& vnode) {
    if (!s.eligible(vnode.member, query)) return true;
    if (vnode.member == query.avoid) {
      avoided = true;
      return true;
    }
    if (best == kNoMember || s.better(vnode.member, best)) best = vnode.member;
    return ++found < k;
  });
  if (best != kNoMember) return best;
  return avoided ? std::optional(query.avoid) : std::nullopt;
}

std::string_view Placement::why_not(MemberIndex index, ClassId cls, uint32_t load) const {
  if (index >= impl_->members.size() || !impl_->members[index].joined) return "not-joined";
  if (!matches(index, cls)) return "not-capable";
  if (!impl_->members[index].open) return "closed";
  if (impl_->standings[index].room < int64_t{load}) return "full";
  return {};
}

std::string_view Placement::why_not(MemberIndex index, const PlaceQuery& query) const {
  const std::string_view why = why_not(index, query.cls, query.load);
  if (!why.empty() || query.permit == nullptr || query.permit->may(index)) return why;
  return "denied";
}

Candidate Placement::candidate(MemberIndex index) const {
  const PlainStanding& standing = impl_->standings[index];
  Candidate shown;
  shown.member = index;
  shown.load = load(index);
  shown.max_load = max_load(index);
  shown.score_numerator = standing.merit * 1000;
  shown.score_denominator = standing.resistance;
  return shown;
}

std::vector<Candidate> Placement::window(const PlaceQuery& query) const {
  Impl& s = *impl_;
  std::vector<Candidate> result;
  const size_t k = std::max(query.k, 1u);
  bool others = false;
  s.walk(query.point, s.classes[query.cls], [&](const Vnode& vnode) {
    others = others || (vnode.member != query.avoid && s.eligible(vnode.member, query));
    if (result.size() == k) return !others;
    result.push_back(candidate(vnode.member));
    result.back().vnode = vnode.position;
    return result.size() < k || !others;
  });
  for (Candidate& candidate : result) {
    candidate.reason = why_not(candidate.member, query);
    if (candidate.reason.empty() && candidate.member == query.avoid && others) {
      candidate.reason = "passed-over";
    }
    candidate.eligible = candidate.reason.empty();
  }
  return result;
}

const Placement::Counts& Placement::counts() const { return impl_->counts; }
size_t Placement::members() const { return impl_->members.size() - impl_->free_members.size(); }
size_t Placement::vnodes() const { return impl_->vnodes; }
size_t Placement::bytes() const {
  return vnode_bytes() + impl_->members.size() * (sizeof(PlainMember) + sizeof(PlainStanding));
}
size_t Placement::vnode_bytes() const { return impl_->ring.capacity() * sizeof(Vnode); }

std::vector<Placement::VnodeRef> Placement::all_vnodes() const {
  std::vector<VnodeRef> result;
  for (MemberIndex index = 0; index < impl_->members.size(); ++index) {
    const PlainMember& member = impl_->members[index];
    if (!member.joined) continue;
    for (uint32_t i = 0; i < vnode_count(member.record.weight); ++i) {
      const Position at = vnode_position(impl_->key, member.record.ns, member.record.id, i);
      result.push_back({at & impl_->options.position_mask, index, i});
    }
  }
  std::sort(result.begin(), result.end(), [this](const VnodeRef& a, const VnodeRef& b) {
    if (a.position != b.position) return a.position < b.position;
    return a.member == b.member ? a.replica < b.replica : impl_->before(a.member, b.member);
  });
  return result;
}

void Placement::walk(Position from, const Visit& visit) const {
  impl_->settle();
  const std::vector<Vnode>& ring = impl_->ring;
  const auto first = std::lower_bound(
      ring.begin(), ring.end(), from,
      [](const Vnode& vnode, Position position) { return vnode.position < position; });
  auto at = static_cast<size_t>(first - ring.begin());
  for (size_t left = ring.size(); left > 0; --left, ++at) {
    if (at == ring.size()) at = 0;
    if (!visit(ring[at].position, ring[at].member)) return;
  }
}

bool Placement::walk(Position from, ClassId id, uint64_t most, const Visit& visit) const {
  const PlainClass& cls = impl_->classes[id];
  bool complete = true;
  if (cls.capable == 0) return true;
  walk(from, [&](Position position, MemberIndex member) {
    if (most-- == 0) return complete = false;
    return !impl_->matches(member, cls) || visit(position, member);
  });
  return complete;
}

}  // namespace phoenix
