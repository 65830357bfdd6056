// What waits for somebody's word: asked for when a rule requires it, given by people, over at its
// time. Each is a document, so every host lists it; who keeps the packet acts by what it says.

#include <algorithm>

#include "node/parts/impl.h"
#include "node/signed/signer_keys.h"

namespace phoenix {
namespace {

// Where the packet is kept by none of the hosts that are heard, any host ends its approvals.
constexpr int64_t kLateMs = 5'000;

}  // namespace

ApprovalForm form_of(const PolicyRefusal& refusal, WallMs now) {
  ApprovalForm form;
  form.point = policy::point_name(refusal.point);
  form.policy = refusal.why.policy;
  form.rule = refusal.why.rule;
  form.place = policy::place_text(refusal.why.place);
  form.reason = refusal.why.reason;
  form.role = refusal.approval.role;
  form.allow_on_expiry = refusal.approval.on_expiry == policy::Verdict::kAllow;
  form.asked_at = now;
  form.expires_at = now + int64_t{refusal.approval.expires_seconds} * 1'000;
  return form;
}

DocumentKey Node::Impl::approval_key(const PolicyRefusal& refusal, const Packet& head,
                                     MemberNo to) const {
  const bool handoff = refusal.point == policy::Point::kHandoff;
  const std::string_view receiver =
      handoff ? directory.member(to).record->key.id() : std::string_view();
  return {DocumentKind::kApproval, std::string(head.key.ns()),
          approval_name(head.key, policy::point_name(refusal.point), refusal.why.policy,
                        refusal.why.rule, receiver, head.epoch)};
}

// Puts it into the queue, if it is not there. Harmless to repeat: what cannot be written now is
// asked for again, with the packet.
void Node::Impl::ask_approval(SlotNo no, MemberNo to, const PolicyRefusal& refusal) {
  const Packet& head = *packets[no].head;
  const DocumentKey key = approval_key(refusal, head, to);
  const auto known = documents.find(key);
  const DocumentPtr before = known == documents.end() ? nullptr : known->second;
  if ((before && !before->deleted) || busy_documents.contains(key)) return;
  if (documents.size() >= kMostDocuments) return;
  ApprovalForm form = form_of(refusal, now.wall);
  form.packet = head.key;
  if (refusal.point == policy::Point::kHandoff) {
    const MemberRecord& giver = *directory.member(packets[no].owner).record;
    form.giver = giver.key.id();
    form.asked_by = giver.registered_by;
    form.receiver = directory.member(to).record->key.id();
  } else if (head.governed) {
    form.asked_by = head.governed->asked_by;
  }
  Write write = new_write();
  put_document(write, before, next_document(key, before, "", approval_json(form)),
               "approval-asked");
  submit_write(std::move(write));
}

// The call at hand is refused, and its answer names the approval: whoever reads it may look for
// that one, or wait for it.
void Node::Impl::tell_when_durable(const DocumentKey& key) {
  const auto writing = busy_documents.find(key);
  if (writing != busy_documents.end()) governance.told_with = writing->second;
}

void Node::Impl::put_approval(Write& write, const DocumentKey& key, const ApprovalForm& form) {
  const DocumentPtr before = documents.at(key);
  put_document(write, before, next_document(key, before, before->app, approval_json(form)),
               std::string("approval-") + std::string(approval_state_name(form.state)));
}

// Who may say it: a person with the role that the rule names, who has no part in it.
std::optional<Error> Node::Impl::may_decide(const Caller& caller, const std::string& ns,
                                            const ApprovalForm& form) const {
  if (!caller.is_approver || caller.human.empty()) {
    return forbidden("not-an-approver",
                     "approvals are decided with a token of the role approver that is bound to a "
                     "member of kind human");
  }
  const MemberNo no = directory.find_member(MemberKey(ns, caller.human));
  const MemberRecord* const record = no == kNobody ? nullptr : directory.member(no).record.get();
  if (record == nullptr || record->kind != MemberKind::kHuman ||
      record->status == MemberStatus::kRetired) {
    return forbidden("no-such-human",
                     "no member of kind human has the id " + caller.human + " in namespace " + ns);
  }
  const auto& roles = record->capabilities;
  if (form.role != "approver" && !std::binary_search(roles.begin(), roles.end(), form.role)) {
    return forbidden("wrong-role", caller.human + " has not the capability " + form.role +
                                       ", the role that the rule names");
  }
  const bool party = caller.human == form.giver || caller.human == form.receiver ||
                     ns + "/" + caller.human == form.member;
  if (party || (!form.asked_by.empty() && form.asked_by == caller.principal)) {
    return forbidden("own-approval", "nobody approves what they ask for, give or receive");
  }
  return std::nullopt;
}

void Node::Impl::decide_approval(Command command, DecideApproval& request) {
  const DecideApproval wanted = request;
  command.body = std::move(request);
  const DocumentKey key{DocumentKind::kApproval, wanted.ns, wanted.name};
  const auto found = governance.approvals.find(key);
  if (found == governance.approvals.end()) {
    return refuse(command.id,
                  {.kind = ErrorKind::kNotFound,
                   .detail = "no approval " + wanted.name + " in namespace " + wanted.ns});
  }
  if (busy_documents.contains(key)) return block(block_name(key), std::move(command));
  ApprovalForm form = found->second;
  if (auto refused = may_decide(command.caller, wanted.ns, form)) {
    return refuse(command.id, std::move(*refused));
  }
  const ApprovalState state = wanted.approve ? ApprovalState::kApproved : ApprovalState::kRejected;
  if (form.state == state && form.decided_by == command.caller.human) {
    DocumentsReply same;
    same.items.push_back({documents.at(key), DocumentsReply::Change::kNone});
    return reply(command.id, std::move(same));
  }
  if (form.state != ApprovalState::kPending || form.expires_at <= now.wall) {
    return refuse(command.id, {.kind = ErrorKind::kWrongState,
                               .detail = "the approval " + wanted.name + " is " +
                                         std::string(approval_state_name(form.state)) +
                                         "; only a pending one is decided"});
  }
  form.state = state;
  form.decided_by = command.caller.human;
  form.decided_at = now.wall;
  form.word = wanted.reason;
  Write write = new_write();
  put_approval(write, key, form);
  DocumentsReply answer;
  answer.items.push_back({write.documents.back().next, DocumentsReply::Change::kChanged});
  finish_with(write, command, std::move(answer));
  submit_write(std::move(write));
}

// What nobody has decided in time, or is about packets that have ended.
void Node::Impl::expire_approvals() {
  Write write = new_write();
  for (const auto& [key, pending] : governance.approvals) {
    if (pending.state != ApprovalState::kPending || busy_documents.contains(key)) continue;
    const SlotNo no = packets.find(pending.packet);
    // Every host knows of members: whoever comes first ends what is about one.
    const bool here = !pending.member.empty() || (no != kNoSlot && !packets[no].leaving);
    const bool over = pending.expires_at + (here ? 0 : kLateMs) <= now.wall;
    const bool ended = !here && !remote.on;
    if (!over && !ended) continue;
    ApprovalForm form = pending;
    form.state = ended ? ApprovalState::kWithdrawn : ApprovalState::kExpired;
    form.decided_by = self_actor.name;
    form.decided_at = now.wall;
    put_approval(write, key, form);
  }
  submit_write(std::move(write));
}

// The packet waits for somebody's word. False: it has been refused, and the packet ends.
bool Node::Impl::wait_for_word(SlotNo no, const PolicyRefusal& refusal) {
  const auto form = governance.approvals.find(approval_key(refusal, *packets[no].head, kNobody));
  if (form == governance.approvals.end()) {
    ask_approval(no, kNobody, refusal);
    return true;
  }
  if (!form->second.refuses()) return true;
  const ApprovalForm said = form->second;
  std::string why = said.state == ApprovalState::kExpired ? "nobody approved it in time"
                                                          : said.decided_by + " refused it";
  if (!said.word.empty()) why += ": " + said.word;
  end_packet(no, Event::kReject, std::move(why), RevokeReason::kCanceled);
  return false;
}

}  // namespace phoenix
