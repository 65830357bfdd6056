// Handoffs. By an owner without a key one is one commit. An owner with a key signs an offer; if its
// receiver has a key too, the receiver is asked, and the commit comes with its acceptance. Until
// then nothing has happened: the giver is the owner, may go on and even end the packet, and an
// offer that nobody answers is over at its time. So there is no lock that could be left behind.

#include <algorithm>

#include "lineage/crypto/sha256.h"
#include "node/admission/admission.h"
#include "node/governed/terms.h"
#include "node/signed/signer_keys.h"

namespace phoenix {
namespace {

using lineage::HandoffAcceptance;
using lineage::HandoffOffer;

// The giver's call waits so long at most.
constexpr Duration kPatience = seconds(3);
constexpr int64_t kAgainMs = 100;
constexpr size_t kMostOffers = 16'384;
constexpr size_t kMostBytes = size_t{256} << 20;
// The next ones are checked before they are sent on.
constexpr size_t kMostUnchecked = 256;

std::optional<Digest> digest_of(const std::shared_ptr<const Content>& content) {
  return content ? std::optional(lineage::sha256(content->data)) : std::nullopt;
}

void add_all(PhaseTimes& to, const PhaseTimes& from) {
  for (int i = 0; i < kHandoffPhases; ++i) {
    const auto& took = from[static_cast<size_t>(i)];
    if (took) HandoffMeter::add(to, static_cast<HandoffPhase>(i), *took);
  }
}

// A context may have a megabyte.
size_t bytes_of(const PendingOffer& offer) {
  return offer.call.content ? offer.call.content->data.size() : 0;
}

// While it lives, placing asks whether the packet may be handed on.
class Handing {
 public:
  Handing(Governance& governance, MemberNo giver, std::shared_ptr<const Content> context)
      : governance_(governance) {
    governance_.handing = {giver, std::move(context)};
  }
  ~Handing() { governance_.handing = {}; }
  Handing(const Handing&) = delete;
  Handing& operator=(const Handing&) = delete;

 private:
  Governance& governance_;
};

// The statement of that type which a member has signed, with the key that it has now.
template <class S>
Result<lineage::Signed<S>> open_of(const std::string& envelope, const MemberRecord& signer) {
  SignerKeys keys(signer);
  auto opened = lineage::open<S>(envelope, keys.finder());
  if (opened) return opened;
  return tl::unexpected(keys.refusal(opened.error()));
}

}  // namespace

// --- the giver's side -----------------------------------------------------------------------

// Who would get it; nobody, where it would be parked. Its room is reserved. `to` is who has
// accepted it already, if somebody has: that one, or nobody else.
std::optional<Error> Node::Impl::find_receiver(const OwnerCall& call, SlotNo no, Change& change,
                                               MemberNo* to) {
  const Slot& slot = packets[no];
  const Packet& head = *slot.head;
  const Handing handing(governance, slot.owner, call.content);
  const auto take = [&](ClassId cls) -> std::optional<Error> {
    const std::string why = why_not(*to, slot, cls);
    if (!why.empty()) {
      const std::string who =
          *to == kNobody ? call.to : std::string(directory.member(*to).record->key.id());
      return packet_error(ErrorKind::kNotEligible, head, status(slot),
                          "/to: " + who + " cannot take the packet: " + why + "; you keep it");
    }
    if (const auto denied = refusal_of(head, *to)) return refuse_handoff(no, *denied);
    Admission(*this).name_owner(change, head, *to);
    placement.add_load(directory.member(*to).ring, head.spec->load);
    return std::nullopt;
  };
  if (!call.required) {
    *to = directory.find_member(MemberKey(head.key.ns(), call.to));
    auto refused = take(slot.cls);
    return refused ? refused : cut_context(call, no, change, *to);
  }
  Packet wanted = head;
  wanted.required = *call.required;
  const std::string_view salt = head.spec->spread == Spread::kId ? head.key.id()
                                : head.spec->spread == Spread::kAffinity
                                    ? std::string_view(head.spec->affinity_key)
                                    : std::string_view();
  wanted.placement_point = packet_position(config.ring_key, head.key.ns(), wanted.required, salt);
  wanted.avoid = head.owner->id;
  change.required = wanted.required;
  change.placement_point = wanted.placement_point;
  const ClassId cls = intern(wanted);
  std::optional<Error> refused;
  if (*to != kNobody) {
    refused = take(cls);
  } else {
    change.parked = grant_or_park(wanted, cls, Event::kHandoff, to).parked;
    if (*to != kNobody) Admission(*this).name_owner(change, wanted, *to, true);
    // Back to itself, or to nobody, for others may not be given it.
    if (governance.refusal && (*to == kNobody || *to == slot.owner)) {
      give_back_room(*to, head);
      refused = refuse_handoff(no, *governance.refusal);
    }
  }
  placement.release(cls);
  if (!refused) refused = cut_context(call, no, change, *to);
  return refused;
}

std::optional<Error> Node::Impl::cut_context(const OwnerCall& call, SlotNo no, Change& change,
                                             MemberNo to) {
  auto refused = Admission(*this).cut_context(call, no, change);
  if (refused) give_back_room(to, *packets[no].head);
  return refused;
}

void Node::Impl::give_back_room(MemberNo to, const Packet& head) {
  if (to == kNobody) return;
  placement.add_load(directory.member(to).ring, -int64_t{head.spec->load});
  with_room.push_back(to);
}

ItemReply Node::Impl::give(Write& write, SlotNo no, Change change, MemberNo to, const Said& said) {
  const Slot& slot = packets[no];
  const Packet& head = *slot.head;
  auto done = transition(head, status(slot), change, now.wall);
  if (!done) {
    give_back_room(to, head);
    return packet_error(ErrorKind::kWrongState, head, status(slot), "not possible in this state");
  }
  OwnerReply answer = owner_reply(*done->head, done->head->status);
  meter.in(HandoffPhase::kSerialize, [&] {
    step(write, no, std::move(*done), std::move(change.contents), to, said);
    return true;
  });
  write.packets.back().move = MoveCause::kHandoff;
  write.handoff = std::make_unique<HandoffSpan>(HandoffSpan{meter.spent(), meter.now(now.mono)});
  return answer;
}

// Requires: the caller owns the packet in this epoch.
ItemReply Node::Impl::hand_off(Write& write, const Command& command, SlotNo no, OwnerCall& call) {
  meter.begin();
  write.at.mono = command.arrived;
  const Slot& slot = packets[no];
  const Packet& head = *slot.head;
  const Terms terms(*this, head, status(slot));
  if (auto refused = terms.name_receiver(call)) return std::move(*refused);
  const MemberRecord& giver = *directory.member(slot.owner).record;
  if (call.statement.empty() && giver.has_keys()) {
    return forbidden("signature-required",
                     "/signature: " + head.owner->id + " has a key, so it has to sign its offer");
  }
  std::optional<SignedOffer> offer;
  const bool is_signed = !call.statement.empty();
  if (is_signed && !may_be_checked_later(call, head)) {
    auto checked = meter.in(HandoffPhase::kVerify, [&] { return check_offer(call, no); });
    if (!checked) return std::move(checked.error());
    offer = std::move(*checked);
  }
  Change change = change_for(call, head);
  MemberNo to = kNobody;
  auto refused = meter.in(HandoffPhase::kPolicy, [&]() -> std::optional<Error> {
    if (auto other = find_receiver(call, no, change, &to)) return other;
    auto broken = terms.check(call, to);
    if (!broken) return std::nullopt;
    give_back_room(to, head);
    return broken->word ? refuse_handoff(no, *broken->word) : std::move(broken->error);
  });
  if (refused) return std::move(*refused);
  if (!is_signed) return give(write, no, std::move(change), to, {.contract = contract_of(head)});
  if (to != kNobody && directory.member(to).record->has_keys()) {
    // It is reserved again when it is taken; until then others may come first.
    give_back_room(to, head);
    return ask_receiver(command, no, call, to, offer ? &*offer : nullptr);
  }
  Said said = said_alone(call, *offer, to);
  said.contract = contract_of(head);
  return give(write, no, std::move(change), to, said);
}

// Its receiver signs at another host: the offer is sent there first and checked while it is on its
// way. All that its signature does not decide is asked before. Where what it says of scopes decides
// whether it may be offered at all, it is read, and so checked, at once.
bool Node::Impl::may_be_checked_later(const OwnerCall& call, const Packet& head) const {
  if (call.required || offers.unchecked.size() >= kMostUnchecked) return false;
  if (!call.scopes && head.governed && head.governed->scopes) return false;
  const MemberNo to = directory.find_member(MemberKey(head.key.ns(), call.to));
  if (to == kNobody || !directory.member(to).record->has_keys()) return false;
  const SessionNo session = directory.member(to).session;
  return session != kNobody && !directory.session(session).here;
}

// Those that were sent on unchecked.
void Node::Impl::check_offers() {
  for (const PacketKey& key : std::exchange(offers.unchecked, {})) {
    const auto it = offers.open.find(key);
    if (it == offers.open.end() || it->second.checked) continue;
    auto wrong = offer_over(key, it->second);
    if (!wrong) wrong = check_late(it->second);
    if (wrong) end_offer(key, *wrong);
  }
}

// Requires: it is not over.
std::optional<Error> Node::Impl::check_late(PendingOffer& offer) {
  meter.begin();
  const SlotNo no = packets.find(offer.call.key);
  auto checked = meter.in(HandoffPhase::kVerify, [&] { return check_offer(offer.call, no); });
  if (!checked) return std::move(checked.error());
  add_all(offer.spent, meter.spent());
  offer.offered = lineage::sha256(checked->payload);
  offer.context = checked->statement.context;
  const Duration left = milliseconds(checked->statement.expires_at - now.wall);
  offer.until = std::min(offer.until, now.mono + left);
  offer.checked = true;
  return std::nullopt;
}

// That the offer says what the call says, of which it may say more.
Result<Node::Impl::SignedOffer> Node::Impl::check_offer(OwnerCall& call, SlotNo no) const {
  const Packet& head = *packets[no].head;
  const MemberRecord& giver = *directory.member(packets[no].owner).record;
  auto opened = open_of<HandoffOffer>(call.statement, giver);
  if (!opened) return opened;
  const HandoffOffer& said = opened->statement;
  const auto wrong = [](const char* reason, const char* what) {
    return tl::unexpected(forbidden(reason, std::string("/signature: the offer ") + what));
  };
  if (said.pool != config.pool || said.ns != head.key.ns() || said.packet != head.key.id()) {
    return wrong("wrong-packet", "is of another packet, namespace or pool");
  }
  if (said.epoch != head.epoch) return wrong("stale-offer", "is of another epoch");
  if (said.giver != lineage::Party{head.owner->id, head.owner->incarnation}) {
    return wrong("wrong-giver", "is not by the owner, in its present life");
  }
  if (said.receiver != call.to || said.selector != call.required.value_or(said.selector) ||
      (!call.required && !said.selector.empty())) {
    return wrong("wrong-receiver", "is for somebody else");
  }
  if (said.context != digest_of(call.content))
    return wrong("altered-context", "is with another context");
  if (said.expires_at <= now.wall) return wrong("offer-expired", "is over");
  const Terms terms(*this, head, status(packets[no]));
  if (auto refused = terms.check_signed(call, said)) return tl::unexpected(std::move(*refused));
  return opened;
}

// What stands in the leg where nobody else is to be asked: the packet is parked, or its receiver
// has no key, and this host says in its stead that it is told.
Said Node::Impl::said_alone(const OwnerCall& call, const SignedOffer& offer, MemberNo to) {
  Said said;
  if (to == kNobody) {
    said.handoff = lineage::HandoffEvidence{call.statement, "", ""};
    return said;
  }
  if (!config.signer) return said;
  const MemberRecord& receiver = *directory.member(to).record;
  const HandoffOffer& of = offer.statement;
  const HandoffAcceptance acceptance{of.pool,
                                     of.ns,
                                     of.packet,
                                     of.epoch,
                                     lineage::sha256(offer.payload),
                                     {std::string(receiver.key.id()), receiver.incarnation},
                                     of.context,
                                     now.wall};
  said.handoff = meter.in(HandoffPhase::kSign, [&] {
    return lineage::HandoffEvidence{call.statement, lineage::sign(config.signer->pair, acceptance),
                                    ""};
  });
  said.attested_by = {config.signer->name};
  return said;
}

// The offer is open from now on. The same call again waits for the same answer. Without `offer` it
// is to be checked yet.
ItemReply Node::Impl::ask_receiver(const Command& command, SlotNo no, OwnerCall& call, MemberNo to,
                                   const SignedOffer* offer) {
  if (draining) {
    return Error{.kind = ErrorKind::kDraining, .detail = "the host shuts down; you keep it"};
  }
  const Slot& slot = packets[no];
  const PacketKey key = slot.head->key;
  Command asking = {.id = command.id,
                    .caller = command.caller,
                    .idempotency = command.idempotency,
                    .body = AwaitPacket{},
                    .arrived = command.arrived};
  const auto open = offers.open.find(key);
  if (open != offers.open.end() && open->second.call.digest == call.digest &&
      open->second.call.epoch == call.epoch) {
    open->second.waiting.push_back(std::move(asking));
    offers.answers_later = true;
    return OwnerReply{};
  }
  if (open != offers.open.end()) {
    Error over = {.kind = ErrorKind::kNotEligible, .detail = "another offer has taken its place"};
    over.reason_code = "offer-replaced";
    end_offer(key, over);
  }
  if (offers.open.size() >= kMostOffers || offers.bytes > kMostBytes) {
    return Error{.kind = ErrorKind::kTooManyRequests,
                 .detail = "too many handoffs wait for their receivers",
                 .retry_after_ms = 1000};
  }
  const MemberRecord& receiver = *directory.member(to).record;
  const Duration wait =
      offer == nullptr ? kPatience
                       : std::min(kPatience, milliseconds(offer->statement.expires_at - now.wall));
  Offered told = {.member = std::string(receiver.key.id()),
                  .packet = key,
                  .point = slot.head->point,
                  .epoch = call.epoch,
                  .offer = call.statement,
                  .context = call.content,
                  .until = now.wall + wait.ms()};
  PendingOffer pending = {.call = call,
                          .offered = offer == nullptr ? Digest{} : lineage::sha256(offer->payload),
                          .context = offer == nullptr ? std::nullopt : offer->statement.context,
                          .waiting = {},
                          .life = slot.life,
                          .to = to,
                          .incarnation = receiver.incarnation,
                          .until = now.mono + wait,
                          .checked = offer != nullptr,
                          .spent = meter.spent(),
                          .sent = meter.now(now.mono)};
  if (!pending.checked) offers.unchecked.push_back(key);
  pending.waiting.push_back(std::move(asking));
  offers.bytes += bytes_of(pending);
  offers.open.emplace(key, std::move(pending));
  offers.answers_later = true;
  const SessionNo session = directory.member(to).session;
  if (session != kNobody && !directory.session(session).here) {
    tell(directory.session(session).record->home, std::move(told));
  } else {
    offered(std::move(told));
  }
  return OwnerReply{};
}

// --- the receiver's side --------------------------------------------------------------------

bool Node::Impl::speaks_for(const Caller& caller, const MemberRecord& member) const {
  if (caller.session.empty()) {
    return member.manual && caller.as_member == member.key.id() &&
           (caller.is_operator || member.registered_by == caller.principal);
  }
  const SessionNo no = directory.find_session(caller.session);
  return no != kNobody && member.session == caller.session && directory.session(no).active() &&
         directory.session(no).record->generation == caller.generation;
}

std::optional<Error> Node::Impl::check_acceptance(const OwnerCall& call, const PendingOffer& offer,
                                                  const MemberRecord& receiver) const {
  if (call.statement.empty()) {
    return forbidden("signature-required", "/signature: an acceptance is signed");
  }
  const auto opened = open_of<HandoffAcceptance>(call.statement, receiver);
  if (!opened) return opened.error();
  const HandoffAcceptance& said = opened->statement;
  if (said.pool != config.pool || said.ns != call.key.ns() || said.packet != call.key.id() ||
      said.epoch != offer.call.epoch) {
    return forbidden("wrong-packet", "/signature: the acceptance is of another packet or epoch");
  }
  if (said.offer != offer.offered) {
    return forbidden("wrong-offer", "/signature: another offer was accepted");
  }
  if (said.receiver != lineage::Party{std::string(receiver.key.id()), receiver.incarnation}) {
    return forbidden("wrong-receiver", "/signature: it is not by the receiver in its present life");
  }
  if (said.context != offer.context) {
    return forbidden("altered-context", "/signature: the receiver has seen another context");
  }
  return std::nullopt;
}

// It came before, and its answer was lost.
ItemReply Node::Impl::accepted_before(const Caller& caller, const OwnerCall& call,
                                      SlotNo slot) const {
  if (slot != kNoSlot && packets[slot].owner != kNobody &&
      packets[slot].head->epoch == call.epoch + 1 &&
      speaks_for(caller, *directory.member(packets[slot].owner).record)) {
    return owner_reply(*packets[slot].head, Status::kAssigned);
  }
  Error error = {.kind = ErrorKind::kWrongState,
                 .detail = "no handoff of " + std::string(call.key.id()) + " in epoch " +
                           std::to_string(call.epoch) + " waits for this member"};
  error.reason_code = "no-offer";
  return error;
}

ItemReply Node::Impl::accept(Write& write, const Caller& caller, OwnerCall& call, SlotNo slot) {
  if (caller.session.empty() && caller.as_member.empty()) {
    return Error{.kind = ErrorKind::kUnauthenticated,
                 .detail = "an acceptance needs the session token of the receiver"};
  }
  const auto it = offers.open.find(call.key);
  if (it == offers.open.end() || it->second.call.epoch != call.epoch) {
    return accepted_before(caller, call, slot);
  }
  if (auto over = offer_over(call.key, it->second)) {
    end_offer(call.key, *over);
    return std::move(*over);
  }
  const MemberRecord& receiver = *directory.member(it->second.to).record;
  if (!speaks_for(caller, receiver)) return accepted_before(caller, call, slot);
  if (!it->second.checked) {
    if (const auto wrong = check_late(it->second)) {
      end_offer(call.key, *wrong);
      return accepted_before(caller, call, slot);
    }
  }
  if (call.declines) {
    Error error = packet_error(
        ErrorKind::kNotEligible, *packets[slot].head, status(packets[slot]),
        std::string(receiver.key.id()) + " declines: " + call.reason + "; you keep it");
    error.reason_code = "offer-declined";
    end_offer(call.key, error);
    return owner_reply(*packets[slot].head, status(packets[slot]));
  }
  meter.begin();
  auto refused =
      meter.in(HandoffPhase::kVerify, [&] { return check_acceptance(call, it->second, receiver); });
  if (refused) return std::move(*refused);
  const Packet& head = *packets[slot].head;
  Change change = change_for(it->second.call, head);
  MemberNo to = it->second.to;
  refused = meter.in(HandoffPhase::kPolicy,
                     [&] { return still_refused(it->second.call, slot, change, &to); });
  if (refused) {
    end_offer(call.key, *refused);
    return std::move(*refused);
  }
  const PendingOffer offer = take_offer(it);
  Said said;
  said.contract = contract_of(head);
  said.handoff = lineage::HandoffEvidence{offer.call.statement, call.statement, ""};
  write.at.mono = offer.waiting.front().arrived;
  ItemReply answer = give(write, slot, std::move(change), to, said);
  if (write.handoff) {
    add_all(write.handoff->spent, offer.spent);
    HandoffMeter::add(write.handoff->spent, HandoffPhase::kTransmit, now.mono - offer.sent);
  }
  for (const Command& giver : offer.waiting) {
    if (const auto* error = std::get_if<Error>(&answer)) {
      refuse(giver.id, *error);
    } else {
      finish_with(write, giver, std::get<OwnerReply>(answer));
    }
  }
  return answer;
}

// What may have changed since it was offered: its room has gone to somebody else, and the giver may
// look for another one; or what binds it has become stricter.
std::optional<Error> Node::Impl::still_refused(const OwnerCall& call, SlotNo no, Change& change,
                                               MemberNo* to) {
  auto refused = find_receiver(call, no, change, to);
  if (refused) {
    refused->retry_after_ms = kAgainMs;
    return refused;
  }
  if (planted(PlantedBug::kTermsNotAskedAgain)) return std::nullopt;
  const Packet& head = *packets[no].head;
  auto broken = Terms(*this, head, status(packets[no])).check(call, *to);
  if (!broken) return std::nullopt;
  give_back_room(*to, head);
  return std::move(broken->error);
}

// --- the end of offers ----------------------------------------------------------------------

// It is open no more; those who wait for it are the caller's to answer.
PendingOffer Node::Impl::take_offer(std::map<PacketKey, PendingOffer>::iterator it) {
  PendingOffer offer = std::move(it->second);
  offers.open.erase(it);
  offers.bytes -= bytes_of(offer);
  return offer;
}

void Node::Impl::end_offer(const PacketKey& key, const Error& why) {
  const auto it = offers.open.find(key);
  if (it == offers.open.end()) return;
  const PendingOffer over = take_offer(it);
  for (const Command& giver : over.waiting) refuse(giver.id, why);
}

// Why it can be accepted no more.
std::optional<Error> Node::Impl::offer_over(const PacketKey& key, const PendingOffer& offer) const {
  const SlotNo no = packets.find(key);
  if (no == kNoSlot || packets[no].life != offer.life) {
    if (remote.on) return elsewhere(key);  // who keeps it now knows what became of it
    return Error{.kind = ErrorKind::kWrongState,
                 .detail = key.text() + " has ended, or is elsewhere"};
  }
  const Slot& slot = packets[no];
  if (slot.leaving) return elsewhere(key);
  if (slot.head->epoch != offer.call.epoch || !slot.head->owner) {
    // Lost and not granted again yet, it has the giver's epoch still.
    const bool newer = slot.head->epoch != offer.call.epoch;
    return packet_error(newer ? ErrorKind::kStaleEpoch : ErrorKind::kNotOwner, *slot.head,
                        status(slot), "the giver lost it before its offer was accepted");
  }
  Error error = packet_error(ErrorKind::kNotEligible, *slot.head, status(slot), "");
  if (now.mono >= offer.until) {
    error.retry_after_ms = kAgainMs;
    error.reason_code = "offer-expired";
    error.detail = "the receiver has not accepted in time; you keep it";
    return error;
  }
  const bool there = offer.to < directory.member_numbers() && directory.has_member(offer.to);
  if (!there || directory.member(offer.to).record->incarnation != offer.incarnation ||
      directory.member(offer.to).ring == kNoMember) {
    error.retry_after_ms = kAgainMs;
    error.reason_code = "receiver-gone";
    error.detail = "the receiver has left; you keep it";
    return error;
  }
  return std::nullopt;
}

void Node::Impl::end_offers() {
  std::vector<std::pair<PacketKey, Error>> over;
  for (const auto& [key, offer] : offers.open) {
    if (auto why = offer_over(key, offer)) over.emplace_back(key, std::move(*why));
  }
  for (const auto& [key, why] : over) end_offer(key, why);
  for (auto it = offers.asked.begin(); it != offers.asked.end();) {
    std::erase_if(it->second,
                  [this](const AskedOffer& asked) { return asked.what.until <= now.wall; });
    it = it->second.empty() ? offers.asked.erase(it) : std::next(it);
  }
}

}  // namespace phoenix
