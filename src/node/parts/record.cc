// What the flight recorder keeps of each change: the entry's bytes, and the chain of a packet's
// legs. Both follow from the change alone, so whoever has the log can tell them from anybody's
// invention.

#include <algorithm>
#include <array>
#include <utility>

#include "base/msgpack.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/entry.h"
#include "lineage/tree/frontier.h"
#include "node/parts/impl.h"

namespace phoenix {
namespace {

constexpr size_t kMostWeighed = 8;
// How far a walk for the record goes, in v-nodes as they lie on average: also where few members
// match it costs little, and it is the same whichever way the ring is walked.
constexpr uint64_t kWeighedArc = 64;

using lineage::Actor;
using lineage::ActorKind;
using lineage::Cause;
using lineage::End;

End end_of(Status status) {
  switch (status) {
    case Status::kFailed:
      return End::kFailed;
    case Status::kCanceled:
      return End::kCanceled;
    case Status::kExpired:
      return End::kExpired;
    case Status::kRejected:
      return End::kRejected;
    default:
      return End::kCompleted;
  }
}

std::optional<lineage::Party> party(const std::optional<Owner>& owner) {
  if (!owner) return std::nullopt;
  return lineage::Party{owner->id, owner->incarnation};
}

Cause cause_of(Event event, bool drains, const Actor& actor) {
  switch (event) {
    case Event::kHandoff:
      return Cause::kHandoff;
    case Event::kFail:
    case Event::kRelease:
    case Event::kTimeout:
      return Cause::kRelease;
    case Event::kRetry:
      return Cause::kRetry;
    case Event::kEvict:
      if (drains) return Cause::kDrain;
      return actor.kind == ActorKind::kToken ? Cause::kOperator : Cause::kEviction;
    case Event::kLose:
      return Cause::kEviction;
    default:
      return actor.kind == ActorKind::kToken && event == Event::kGrant ? Cause::kOperator
                                                                       : Cause::kAssign;
  }
}

// A session may stand for many members: which of them it was says what was changed.
bool speaks_by_session(const Actor& actor) { return actor.kind == ActorKind::kMember; }

std::optional<Digest> digest_of(const std::vector<ContentWrite>& contents, ContentKind kind) {
  for (const ContentWrite& write : contents) {
    if (write.kind == kind && write.content) return lineage::sha256(write.content->data);
  }
  return std::nullopt;
}

// Of the error with which an owner gives up, as it has signed it, which was checked before.
std::optional<Digest> signed_error(const lineage::Evidence& evidence) {
  const auto envelope = lineage::decode_envelope(evidence.envelope);
  if (!envelope) return std::nullopt;
  const auto said = lineage::decode<lineage::Completion>(envelope->payload);
  return said ? said->result : std::nullopt;
}

std::string key_id(std::string_view bytes) {
  lineage::PublicKey key;
  lineage::PublicKey::from_bytes(bytes, key);
  return key.id();
}

// The members whom a walk from a packet's point meets first.
struct Walked {
  Position from = 0;
  Position arc = ~Position{0};
  std::array<MemberIndex, kMostWeighed + 1> met{};
  size_t size = 0;

  void add(MemberIndex member) {
    if (member == kNoMember) return;
    if (std::find(met.begin(), met.begin() + size, member) == met.begin() + size) {
      met[size++] = member;
    }
  }
  bool has(const Placement& ring, std::string_view id) const {
    return std::any_of(met.begin(), met.begin() + size,
                       [&](MemberIndex member) { return ring.id(member) == id; });
  }
};

Walked walk_from(const Placement& ring, Position point, ClassId cls) {
  Walked walked;
  walked.from = point;
  if (const uint64_t all = ring.vnodes(); all > kWeighedArc) {
    walked.arc = static_cast<Position>((uint64_t{1} << 32) / all * kWeighedArc);
  }
  ring.walk(point, cls, 4 * kWeighedArc, [&walked](Position at, MemberIndex member) {
    if (at - walked.from > walked.arc) return false;
    walked.add(member);
    return walked.size < kMostWeighed;
  });
  return walked;
}

// Of who was to be considered, whoever has chosen among them: their loads (that of this packet
// among them) and scores.
Digest weighed(const Placement& ring, const Packet& head, const Walked& walked) {
  std::string bytes;
  bytes.reserve(64 + 48 * walked.size);
  MsgpackWriter out(bytes);
  out.array(3);
  out.uint(1);
  out.uint(head.spec->load);
  out.array(static_cast<uint32_t>(walked.size));
  for (size_t i = 0; i < walked.size; ++i) {
    const Candidate shown = ring.candidate(walked.met[i]);
    out.array(5);
    out.str(ring.id(walked.met[i]));
    out.uint(shown.load);
    out.uint(shown.max_load);
    out.uint(shown.score_numerator);
    out.uint(shown.score_denominator);
  }
  return lineage::sha256(bytes);
}

}  // namespace

// Who acts, while a command is handled; otherwise the host does.
Actor Node::Impl::actor_of(const Caller& caller) {
  if (!caller.session.empty()) return {ActorKind::kMember, caller.session};
  if (!caller.as_member.empty()) return {ActorKind::kMember, caller.as_member};
  return {ActorKind::kToken, caller.principal.empty() ? "anonymous" : caller.principal};
}

// A change is a leg where the owner changes, or where the packet's life ends or begins again.
void Node::Impl::record(const Packet& before, Transition& done,
                        const std::vector<ContentWrite>& contents, bool drains, const Said& said) {
  Packet& next = *done.head;
  const Event event = lifecycle_table()[done.row].event;
  lineage::Entry entry;
  entry.kind = lineage::EntryKind::kPacket;
  entry.at = done.entry.at;
  entry.actor = actor;
  if (speaks_by_session(actor) && before.owner) entry.actor.name = before.owner->id;
  entry.ns = next.key.ns();
  entry.subject = next.key.id();
  entry.event = done.entry.event;
  entry.epoch = next.epoch;
  entry.revision = next.revision;
  if (event == Event::kCreate) entry.inputs = next.spec->create_digest;
  if (event == Event::kCheckpoint) entry.inputs = digest_of(contents, ContentKind::kCheckpoint);
  const bool ends = is_terminal(next.status);
  const bool stays = before.owner == next.owner && before.epoch == next.epoch;
  if (stays && !ends && event != Event::kRetry) {
    done.entry.recorded = lineage::encode(entry);
    return;
  }
  lineage::Leg& leg = entry.leg.emplace();
  leg.number = before.legs + 1;
  leg.previous = before.last_leg;
  leg.from = party(before.owner);
  leg.to = party(next.owner);
  leg.cause = ends ? Cause::kTerminal : cause_of(event, drains, actor);
  leg.context = digest_of(contents, ContentKind::kContext);
  leg.contract = said.contract;
  leg.decision = said.decision;
  if (next.owner && !stays) {
    const SlotNo no = packets.find(next.key);
    const bool handed_to_others = before.revision != 0 && !(before.required == next.required);
    const ClassId cls = handed_to_others ? intern(next) : packets[no].cls;
    Walked walked = walk_from(placement, next.placement_point, cls);
    if (!walked.has(placement, next.owner->id)) {
      const MemberNo owner = directory.find_member(MemberKey(next.key.ns(), next.owner->id));
      if (owner != kNobody) walked.add(directory.member(owner).ring);
    }
    leg.placement = {next.placement_point, weighed(placement, next, walked)};
    if (handed_to_others) placement.release(cls);
  }
  RuleSet* const rules = next.owner && !stays ? governance.rules.of(entry.ns) : nullptr;
  if (rules != nullptr) leg.decision = entry.policy = rules->set->digest();
  leg.handoff = said.handoff;
  leg.attested_by = said.attested_by;
  if (ends) {
    leg.terminal.emplace();
    leg.terminal->end = end_of(next.status);
    leg.terminal->result = digest_of(contents, ContentKind::kResult);
    if (leg.terminal->end == lineage::End::kFailed && said.result) {
      leg.terminal->result = signed_error(*said.result);
    }
    leg.terminal->signature = said.result;
  }
  done.entry.recorded = lineage::encode(entry);
  next.legs = leg.number;
  next.last_leg = lineage::leaf_hash(done.entry.recorded);
}

// What goes along with a change that gave it to somebody, as an entry beside it.
PutNote Node::Impl::note_on(const Packet& head, std::string sentence) const {
  lineage::Entry entry;
  entry.kind = lineage::EntryKind::kPacket;
  entry.at = now.wall;
  entry.actor = self_actor;
  entry.ns = head.key.ns();
  entry.subject = head.key.id();
  entry.event = "policy-obliged";
  entry.epoch = head.epoch;
  entry.revision = head.revision;
  entry.inputs = lineage::sha256(sentence);
  if (RuleSet* const rules = governance.rules.of(entry.ns)) entry.policy = rules->set->digest();
  HistoryEntry line;
  if (head.owner) line.owner = head.owner->id;
  line.reason = std::move(sentence);
  return note_row(true, head.key.text(), std::move(line), entry);
}

// A change of its key makes it an entry of another kind: from there on the new one is good.
std::string Node::Impl::record(const MemberRecord* before, const MemberRecord& next,
                               const std::string& event, std::string_view proof) const {
  lineage::Entry entry;
  entry.kind = lineage::EntryKind::kMember;
  const std::string former = before == nullptr ? std::string() : before->public_key;
  if (former != next.public_key) {
    entry.kind = lineage::EntryKind::kKey;
    lineage::KeyChange& change = entry.key.emplace();
    change.role = lineage::KeyRole::kMember;
    lineage::PublicKey::from_bytes(next.public_key.empty() ? former : next.public_key, change.key);
    change.action = next.public_key.empty() ? lineage::KeyAction::kRevoke
                    : former.empty()        ? lineage::KeyAction::kAdd
                                            : lineage::KeyAction::kRotate;
    if (change.action == lineage::KeyAction::kRotate) change.previous = key_id(former);
    change.proof = proof;
  }
  entry.at = next.updated_at;
  entry.actor = actor;
  if (speaks_by_session(actor)) entry.actor.name = next.key.id();
  entry.ns = next.key.ns();
  entry.subject = next.key.id();
  entry.event = event;
  entry.epoch = next.incarnation;
  entry.revision = next.revision;
  entry.inputs = lineage::sha256(encode_member(next));
  return lineage::encode(entry);
}

}  // namespace phoenix
