#include "node/governed/notes.h"

#include <algorithm>
#include <utility>

#include "base/json/json_writer.h"
#include "lineage/crypto/sha256.h"
#include "node/governed/facts.h"
#include "node/governed/noting.h"

namespace phoenix {
namespace {

bool waits_for_policies(const Packet& head) {
  return head.parked && (head.parked->reason == ParkReason::kPolicyDenied ||
                         head.parked->reason == ParkReason::kApprovalRequired);
}

constexpr size_t kMostNameBytes = 255;

bool may_be_code(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// A refusal for what the caller may do: not what it has mistyped, nor what stands in the way just
// now.
bool is_of_caller(ErrorKind kind) {
  return kind == ErrorKind::kForbidden || kind == ErrorKind::kPolicyDenied ||
         kind == ErrorKind::kStaleEpoch || kind == ErrorKind::kNotOwner;
}

std::string code_of(const Error& error) {
  return may_be_code(error.reason_code) ? error.reason_code : std::string(kind_name(error.kind));
}

// As the rows of the log name who was refused: a member as its own rows, others beside them.
std::string row_of(const KnownCaller& caller) {
  if (caller.kind == lineage::ActorKind::kMember) return caller.ns + "/" + caller.name;
  return "token//" + caller.name;
}

}  // namespace

// --- who was refused ------------------------------------------------------------------------

bool RefusalBook::is_first(const KnownCaller& caller, std::string_view reason, Instant now) {
  const auto it = lines_.find(caller);
  if (it != lines_.end()) {
    ++it->second.more;
    it->second.reason = reason;
    return false;
  }
  if (lines_.size() >= kMost) return false;
  lines_.emplace(caller, Line{});
  order_.emplace_back(now, caller);
  return true;
}

bool RefusalBook::take_due(Instant now, Again* again) {
  while (!order_.empty() && order_.front().first + kWindow <= now) {
    KnownCaller caller = std::move(order_.front().second);
    order_.pop_front();
    const auto it = lines_.find(caller);
    if (it->second.more == 0) {
      lines_.erase(it);
      continue;
    }
    *again = {caller, std::move(it->second.reason), it->second.more};
    it->second = Line{};
    order_.emplace_back(now, std::move(caller));
    return true;
  }
  return false;
}

bool HeldNotes::is_new(const PacketKey& packet, uint64_t what, Instant now) {
  const auto it = told_.find(packet);
  if (it != told_.end()) {
    const std::vector<uint64_t>& told = it->second;
    if (told.size() >= kMostOfOne || std::find(told.begin(), told.end(), what) != told.end()) {
      return false;
    }
  }
  if (second_ + seconds(1) <= now) {
    second_ = now;
    in_second_ = 0;
  }
  if (in_second_ == kMostASecond) return false;
  ++in_second_;
  told_[packet].push_back(what);
  return true;
}

void HeldNotes::tell(const PacketKey& packet, uint64_t what) {
  std::vector<uint64_t>& told = told_[packet];
  const bool known = std::find(told.begin(), told.end(), what) != told.end();
  if (!known && told.size() < kMostOfOne) told.push_back(what);
}

void HeldNotes::take_back(const PacketKey& packet, uint64_t what) {
  const auto it = told_.find(packet);
  if (it == told_.end()) return;
  std::erase(it->second, what);
  if (it->second.empty()) told_.erase(it);
}

// By which rule, why, and what was asked, as far as there is room for it.
std::string account_of(const PolicyNote& note) {
  const policy::Explanation& why = note.refusal.why;
  const auto told = [&](bool with_asked) {
    std::string text;
    json::Writer out(text);
    out.begin_object();
    out.field("point", policy::point_name(note.refusal.point));
    out.field("decision", policy::verdict_name(why.verdict));
    out.field_or_null("policy", why.policy);
    out.field_or_null("rule", why.rule);
    out.field_or_null("at", policy::place_text(why.place));
    out.field("reason", why.reason);
    out.field("member", note.who);
    if (with_asked) {
      out.key("asked");
      write_facts(out, *note.asked);
    }
    out.end_object();
    return text;
  };
  std::string text = told(note.asked != nullptr);
  if (text.size() > kMostAccountBytes && note.asked != nullptr) text = told(false);
  return text.size() > kMostAccountBytes ? std::string() : text;
}

PutNote note_row(bool of_packet, std::string key, HistoryEntry line, const lineage::Entry& entry) {
  line.at = entry.at;
  line.epoch = entry.epoch;
  line.revision = entry.revision;
  line.event = entry.event;
  line.recorded = lineage::encode(entry);
  return {of_packet, std::move(key), std::move(line)};
}

// --- entries --------------------------------------------------------------------------------

lineage::Entry Node::Impl::Noting::entry_of(lineage::EntryKind kind, std::string event,
                                            std::string reason) const {
  lineage::Entry entry;
  entry.kind = kind;
  entry.at = node_.now.wall;
  entry.actor = node_.actor;
  entry.event = std::move(event);
  entry.reason = std::move(reason);
  return entry;
}

void Node::Impl::Noting::write(bool of_packet, std::string key, HistoryEntry line,
                               const lineage::Entry& entry, bool is_note) {
  Write write = node_.new_write();
  write.is_note = is_note;
  write.ops.emplace_back(note_row(of_packet, std::move(key), std::move(line), entry));
  node_.submit_write(std::move(write));
}

// Nothing: nobody knows who calls, or the host itself has tried.
std::optional<KnownCaller> Node::Impl::Noting::caller() const {
  const lineage::Actor& acts = node_.actor;
  if (acts.kind == lineage::ActorKind::kHost || !node_.governance.refusals.known) {
    return std::nullopt;
  }
  if (acts.kind == lineage::ActorKind::kToken) return of_token(acts.name);
  const SessionNo no = node_.directory.find_session(acts.name);
  // Whoever speaks for a manual member may only say so.
  if (no == kNobody) return of_token(node_.governance.refusals.behind);
  const SessionRecord& session = *node_.directory.session(no).record;
  if (session.members.empty()) return std::nullopt;
  return KnownCaller{lineage::ActorKind::kMember, session.ns, session.members.front().first};
}

std::optional<KnownCaller> Node::Impl::Noting::of_token(const std::string& principal) {
  if (principal.empty() || principal.size() > kMostNameBytes || !valid_name(principal)) {
    return std::nullopt;
  }
  return KnownCaller{lineage::ActorKind::kToken, {}, principal};
}

bool Node::Impl::Noting::is_first(const std::optional<KnownCaller>& who, std::string_view reason) {
  RefusalBook& book = node_.governance.refusals;
  book.told = true;
  if (!who) {
    if (node_.actor.kind != lineage::ActorKind::kHost) ++node_.stats.refused_unknown;
    return false;
  }
  ++node_.stats.refused_callers;
  return book.is_first(*who, reason, node_.now.mono);
}

// Of a session that may stand for many members: which of them it was.
PutNote Node::Impl::Noting::refusal_row(const PolicyNote& note) const {
  const PolicyRefusal& refusal = note.refusal;
  lineage::Entry entry =
      entry_of(lineage::EntryKind::kRefusal, "policy-refused", refusal.why.reason_code);
  const PacketKey parts = PacketKey::from_text(note.key);
  const SlotNo slot = note.of_packet ? node_.packets.find(parts) : kNoSlot;
  if (entry.actor.kind == lineage::ActorKind::kMember) {
    const bool owned = slot != kNoSlot && node_.packets[slot].head->owner;
    entry.actor.name = owned ? node_.packets[slot].head->owner->id : std::string(parts.id());
  }
  entry.ns = parts.ns();
  entry.subject = parts.id();
  entry.epoch = note.epoch;
  entry.revision = note.revision;
  entry.policy = refusal.why.digest;
  entry.account = account_of(note);
  HistoryEntry line;
  line.to = note.of_packet ? note.who : "";
  line.reason = std::string(policy::point_name(refusal.point)) + ": " + words_of(refusal);
  return note_row(note.of_packet, note.key, std::move(line), entry);
}

void Node::Impl::Noting::policy(const PolicyNote& note) {
  const std::string point(policy::point_name(note.refusal.point));
  const bool by_host = node_.actor.kind == lineage::ActorKind::kHost;
  const auto counted = by_host ? KnownCaller{lineage::ActorKind::kHost, point, note.key} : caller();
  if (!is_first(counted, note.refusal.why.reason_code)) return;
  Write write = node_.new_write();
  write.ops.emplace_back(refusal_row(note));
  node_.submit_write(std::move(write));
}

// --- packets that wait ----------------------------------------------------------------------

// An approval that it waits for is an entry of its own, and a payload that is being read decides
// nothing.
bool Node::Impl::Noting::is_told(const PolicyRefusal& refusal) {
  return refusal.logged ||
         (!refusal.may_be_approved() && refusal.why.reason_code != kPayloadNotAtHand);
}

uint64_t Node::Impl::Noting::refusal_number() const {
  const policy::Explanation& why = node_.governance.refusal->why;
  std::string text(bytes_of(why.digest));
  text += why.policy + '/' + why.rule + '/' + why.reason_code;
  return siphash13(node_.config.ring_key, text);
}

PutNote Node::Impl::Noting::held_row(const Packet& head) const {
  const PolicyRefusal& refusal = *node_.governance.refusal;
  const std::string who(node_.directory.member(refusal.member).record->key.id());
  return refusal_row({true, head.key.text(), refusal, head.epoch, head.revision, who});
}

void Node::Impl::Noting::held(SlotNo no) {
  if (!is_told(*node_.governance.refusal)) return;
  const Packet& head = *node_.packets[no].head;
  HeldNotes& notes = node_.governance.held_notes;
  const uint64_t what = refusal_number();
  // Of a packet that waits like that since before this host has it, the entry is there.
  const bool before = head.parked && head.parked->reason == ParkReason::kPolicyDenied;
  if (before && !notes.knows(head.key)) return notes.tell(head.key, what);
  if (!notes.is_new(head.key, what, node_.now.mono)) return;
  Write write = node_.new_write();
  write.ops.emplace_back(held_row(head));
  write.told.emplace_back(head.key, what);
  node_.submit_write(std::move(write));
}

void Node::Impl::Noting::held(Write& write, const Packet& head) {
  if (!waits_for_policies(head) || !node_.governance.refusal) return;
  if (!is_told(*node_.governance.refusal)) return;
  const uint64_t what = refusal_number();
  node_.governance.held_notes.tell(head.key, what);
  write.ops.emplace_back(held_row(head));
  write.told.emplace_back(head.key, what);
}

void Node::Impl::Noting::call(const PacketKey* about, const Error& error) {
  RefusalBook& book = node_.governance.refusals;
  if (std::exchange(book.told, false)) return;
  if (error.kind == ErrorKind::kUnauthenticated) ++node_.stats.refused_unknown;
  if (!is_of_caller(error.kind)) return;
  const auto who = caller();
  const std::string reason = code_of(error);
  if (!is_first(who, reason)) return;
  lineage::Entry entry = entry_of(lineage::EntryKind::kRefusal, "refused", reason);
  entry.actor = {who->kind, who->name};
  entry.ns = about != nullptr ? std::string(about->ns()) : who->ns;
  entry.subject = about != nullptr ? std::string(about->id()) : who->name;
  entry.epoch = error.epoch.value_or(0);
  entry.revision = error.revision.value_or(0);
  HistoryEntry line;
  line.reason = reason;
  if (about != nullptr) line.reason += ": packet " + about->text();
  write(false, row_of(*who), std::move(line), entry, false);
}

void Node::Impl::Noting::before(const Caller& caller, const std::string& reason) {
  node_.actor = actor_of(caller);
  RefusalBook& book = node_.governance.refusals;
  book.begin(caller);
  call(nullptr, {.kind = book.known ? ErrorKind::kForbidden : ErrorKind::kUnauthenticated,
                 .reason_code = reason});
  node_.actor = node_.self_actor;
}

void Node::Impl::Noting::due() {
  RefusalBook::Again repeats;
  while (node_.governance.refusals.take_due(node_.now.mono, &repeats)) {
    const KnownCaller& who = repeats.caller;
    lineage::Entry entry = entry_of(lineage::EntryKind::kRefusal, "refused-again",
                                    may_be_code(repeats.reason) ? repeats.reason : std::string());
    const bool by_host = who.kind == lineage::ActorKind::kHost;
    const PacketKey parts = by_host ? PacketKey::from_text(who.name) : PacketKey();
    if (!by_host) entry.actor = {who.kind, who.name};
    entry.ns = by_host ? parts.ns() : who.ns;
    entry.subject = by_host ? std::string(parts.id()) : who.name;
    entry.revision = repeats.count;
    HistoryEntry line;
    line.reason =
        std::to_string(repeats.count) + " more within a second, the last one: " + repeats.reason;
    write(false, by_host ? "host//" + node_.self_actor.name : row_of(who), std::move(line), entry,
          false);
  }
  host_notes();
}

// --- hosts ----------------------------------------------------------------------------------

void Node::Impl::Noting::host(HostNote note) {
  HostNotes& notes = node_.governance.notes;
  if (notes.waiting.size() < HostNotes::kMost) notes.waiting.push_back(std::move(note));
  host_notes();
}

void Node::Impl::Noting::host_notes() {
  HostNotes& notes = node_.governance.notes;
  if (notes.waiting.empty() || notes.writing || node_.now.mono < notes.retry_at) return;
  const HostNote& note = notes.waiting.front();
  lineage::Entry entry = entry_of(note.key ? lineage::EntryKind::kKey : lineage::EntryKind::kHost,
                                  note.event, note.reason);
  entry.subject = note.host;
  entry.inputs = note.inputs;
  entry.key = note.key;
  HistoryEntry line;
  line.reason = note.reason;
  notes.writing = true;
  write(false, "host//" + note.host, std::move(line), entry, true);
}

void Node::Impl::Noting::settled(bool committed) {
  HostNotes& notes = node_.governance.notes;
  notes.writing = false;
  if (committed) {
    notes.waiting.pop_front();
    return host_notes();
  }
  notes.retry_at = node_.now.mono + milliseconds(500);
}

void Node::Impl::note_refusal(const PolicyNote& note) { Noting(*this).policy(note); }

}  // namespace phoenix
