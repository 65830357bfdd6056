#include "lineage/form/entry.h"

#include <algorithm>

#include "lineage/form/fields.h"

namespace phoenix::lineage {
namespace {

using fields::put_bytes_or_nil;
using fields::put_digest_or_nil;
using fields::put_party;
using fields::put_text_or_nil;
using fields::take_bytes_or_nil;
using fields::take_digest_or_nil;

constexpr uint32_t kEntryFields = 15;
constexpr uint32_t kLegFields = 12;
constexpr size_t kMaxCodeBytes = 64;

constexpr std::string_view kKindNames[] = {"packet", "member", "host", "key", "policy", "refusal"};
constexpr std::string_view kCauseNames[] = {"assign",   "handoff", "eviction", "drain",
                                            "operator", "release", "terminal", "retry"};

// An enum that counts from 1.
template <class E>
E take_enum(MsgpackReader& in, E last) {
  const uint64_t value = in.uint(static_cast<uint64_t>(last));
  if (value == 0) in.reject();
  return static_cast<E>(value);
}

bool valid_code(std::string_view text) {
  return text.size() <= kMaxCodeBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::string take_code(MsgpackReader& in) {
  const std::string_view code = in.str();
  if (!valid_code(code)) in.reject();
  return std::string(code);
}

void put_party_or_nil(MsgpackWriter& out, const std::optional<Party>& party) {
  if (party) {
    put_party(out, *party);
  } else {
    out.nil();
  }
}

std::optional<Party> take_party_or_nil(MsgpackReader& in) {
  if (!in.next_is_nil()) return fields::take_party(in);
  in.nil();
  return std::nullopt;
}

void put_placement(MsgpackWriter& out, const std::optional<Placement>& placement) {
  if (!placement) return out.nil();
  out.array(2);
  out.uint(placement->point);
  out.digest(placement->inputs);
}

void put_handoff(MsgpackWriter& out, const std::optional<HandoffEvidence>& handoff) {
  if (!handoff) return out.nil();
  out.array(3);
  out.bin(handoff->offer);
  put_bytes_or_nil(out, handoff->acceptance);
  put_bytes_or_nil(out, handoff->approval);
}

void put_evidence(MsgpackWriter& out, const std::optional<Evidence>& evidence) {
  if (!evidence) return out.nil();
  out.array(3);
  out.bin(evidence->envelope);
  out.uint(evidence->position);
  out.array(static_cast<uint32_t>(evidence->path.size()));
  for (const Digest& hash : evidence->path) out.digest(hash);
}

void put_terminal(MsgpackWriter& out, const std::optional<TerminalEvidence>& terminal) {
  if (!terminal) return out.nil();
  out.array(3);
  out.uint(static_cast<uint64_t>(terminal->end));
  put_digest_or_nil(out, terminal->result);
  put_evidence(out, terminal->signature);
}

void put_leg(MsgpackWriter& out, const std::optional<Leg>& leg) {
  if (!leg) return out.nil();
  out.array(kLegFields);
  out.uint(leg->number);
  out.digest(leg->previous);
  put_party_or_nil(out, leg->from);
  put_party_or_nil(out, leg->to);
  out.uint(static_cast<uint64_t>(leg->cause));
  put_digest_or_nil(out, leg->context);
  put_digest_or_nil(out, leg->contract);
  put_digest_or_nil(out, leg->decision);
  put_placement(out, leg->placement);
  fields::put_names(out, leg->attested_by);
  put_handoff(out, leg->handoff);
  put_terminal(out, leg->terminal);
}

void put_key_change(MsgpackWriter& out, const std::optional<KeyChange>& change) {
  if (!change) return out.nil();
  out.array(5);
  out.uint(static_cast<uint64_t>(change->action));
  out.uint(static_cast<uint64_t>(change->role));
  fields::put_key(out, change->key);
  put_text_or_nil(out, change->previous);
  put_bytes_or_nil(out, change->proof);
}

std::optional<Placement> take_placement(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return std::nullopt;
  }
  Placement placement;
  in.array_of(2);
  placement.point = static_cast<uint32_t>(in.uint(UINT32_MAX));
  placement.inputs = in.digest();
  return placement;
}

std::string take_bytes(MsgpackReader& in) {
  const std::string_view bytes = in.bin();
  if (bytes.empty()) in.reject();
  return std::string(bytes);
}

std::optional<HandoffEvidence> take_handoff(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return std::nullopt;
  }
  HandoffEvidence handoff;
  in.array_of(3);
  handoff.offer = take_bytes(in);
  handoff.acceptance = take_bytes_or_nil(in);
  handoff.approval = take_bytes_or_nil(in);
  return handoff;
}

std::optional<Evidence> take_evidence(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return std::nullopt;
  }
  Evidence evidence;
  in.array_of(3);
  evidence.envelope = take_bytes(in);
  evidence.position = in.uint();
  const uint32_t size = in.array();
  if (size > kMaxProof) in.reject();
  for (uint32_t i = 0; i < size && in.ok(); ++i) evidence.path.push_back(in.digest());
  return evidence;
}

std::optional<TerminalEvidence> take_terminal(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return std::nullopt;
  }
  TerminalEvidence terminal;
  in.array_of(3);
  terminal.end = take_enum(in, End::kRejected);
  terminal.result = take_digest_or_nil(in);
  terminal.signature = take_evidence(in);
  return terminal;
}

// Who may be where, for each cause; the chain itself is checked by who has all of it.
bool parties_fit(const Leg& leg) {
  switch (leg.cause) {
    case Cause::kAssign:
      return !leg.from && leg.to;
    case Cause::kHandoff:
    case Cause::kEviction:
    case Cause::kDrain:
    case Cause::kRelease:
      return leg.from.has_value();
    case Cause::kOperator:
      return leg.from || leg.to;
    case Cause::kTerminal:
      return !leg.to;
    case Cause::kRetry:
      return !leg.from;
  }
  return false;
}

bool consistent(const Leg& leg) {
  return leg.number != 0 && (leg.number == 1) == (leg.previous == Digest{}) && parties_fit(leg) &&
         (leg.cause == Cause::kTerminal) == leg.terminal.has_value() &&
         (!leg.handoff ||
          (leg.cause == Cause::kHandoff && leg.handoff->acceptance.empty() == !leg.to.has_value()));
}

std::optional<Leg> take_leg(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return std::nullopt;
  }
  Leg leg;
  in.array_of(kLegFields);
  leg.number = in.uint();
  leg.previous = in.digest();
  leg.from = take_party_or_nil(in);
  leg.to = take_party_or_nil(in);
  leg.cause = take_enum(in, Cause::kRetry);
  leg.context = take_digest_or_nil(in);
  leg.contract = take_digest_or_nil(in);
  leg.decision = take_digest_or_nil(in);
  leg.placement = take_placement(in);
  leg.attested_by = fields::take_names(in);
  leg.handoff = take_handoff(in);
  leg.terminal = take_terminal(in);
  if (!consistent(leg)) in.reject();
  return leg;
}

bool consistent(const KeyChange& change) {
  return change.role != KeyRole::kRoot &&
         (change.action == KeyAction::kRotate) == !change.previous.empty() &&
         (change.action == KeyAction::kRevoke) == change.proof.empty() &&
         (change.previous.empty() || valid_key_id(change.previous));
}

std::optional<KeyChange> take_key_change(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return std::nullopt;
  }
  KeyChange change;
  in.array_of(5);
  change.action = take_enum(in, KeyAction::kRevoke);
  change.role = static_cast<KeyRole>(in.uint(kKeyRoles - 1));
  change.key = fields::take_key(in);
  change.previous = fields::take_id_or_nil(in);
  change.proof = take_bytes_or_nil(in);
  if (!consistent(change)) in.reject();
  return change;
}

bool consistent(const Entry& entry) {
  const bool of_pool = entry.ns.empty();
  if (entry.leg && (entry.kind != EntryKind::kPacket || of_pool)) return false;
  if (entry.key.has_value() != (entry.kind == EntryKind::kKey)) return false;
  if (entry.key && (entry.key->role == KeyRole::kHost) != of_pool) return false;
  const bool leaves = entry.kind == EntryKind::kMember || entry.kind == EntryKind::kHost;
  const bool refuses = entry.kind == EntryKind::kRefusal;
  return !entry.event.empty() && (entry.certificate.empty() || leaves) &&
         (entry.account.empty() || refuses);
}

}  // namespace

std::string_view entry_kind_name(EntryKind kind) {
  return kKindNames[static_cast<size_t>(kind) - 1];
}
std::string_view cause_name(Cause cause) { return kCauseNames[static_cast<size_t>(cause) - 1]; }

std::string encode(const Entry& entry) {
  std::string bytes;
  bytes.reserve(entry.policy ? 384 : 256);
  MsgpackWriter out(bytes);
  out.array(kEntryFields);
  out.uint(fields::kVersion);
  out.uint(static_cast<uint64_t>(entry.kind));
  out.sint(entry.at);
  out.array(2);
  out.uint(static_cast<uint64_t>(entry.actor.kind));
  out.str(entry.actor.name);
  put_text_or_nil(out, entry.ns);
  out.str(entry.subject);
  out.str(entry.event);
  out.str(entry.reason);
  out.uint(entry.epoch);
  out.uint(entry.revision);
  put_digest_or_nil(out, entry.policy);
  put_digest_or_nil(out, entry.inputs);
  put_leg(out, entry.leg);
  put_key_change(out, entry.key);
  // One place for both: no entry has both.
  put_bytes_or_nil(out, entry.account.empty() ? entry.certificate : entry.account);
  return bytes;
}

template <>
Result<Entry> decode<Entry>(std::string_view bytes) {
  MsgpackReader in(bytes);
  Entry entry;
  if (bytes.size() > kMaxEntryBytes) in.reject();
  fields::take_head(in, kEntryFields);
  entry.kind = take_enum(in, EntryKind::kRefusal);
  entry.at = in.sint();
  in.array_of(2);
  entry.actor.kind = take_enum(in, ActorKind::kToken);
  entry.actor.name = fields::take_name(in);
  entry.ns = fields::take_id_or_nil(in);
  entry.subject = fields::take_name(in);
  entry.event = take_code(in);
  entry.reason = take_code(in);
  entry.epoch = in.uint();
  entry.revision = in.uint();
  entry.policy = take_digest_or_nil(in);
  entry.inputs = take_digest_or_nil(in);
  entry.leg = take_leg(in);
  entry.key = take_key_change(in);
  (entry.kind == EntryKind::kRefusal ? entry.account : entry.certificate) = take_bytes_or_nil(in);
  if (!consistent(entry)) in.reject();
  if (!in.at_end()) return fields::bad_form("entry", bytes.size());
  return entry;
}

}  // namespace phoenix::lineage
