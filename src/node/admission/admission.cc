#include "node/admission/admission.h"

#include <algorithm>

#include "node/governed/asking.h"
#include "packet/redaction.h"
#include "policy/contract/breach.h"

namespace phoenix {
namespace {

using policy::Obligation;
using policy::Point;

using NameList = std::vector<std::string>;

NameList sorted(NameList names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// Authority only shrinks.
void narrow(std::optional<NameList>& scopes, NameList to) {
  to = sorted(std::move(to));
  if (scopes) {
    std::erase_if(*scopes, [&](const std::string& scope) {
      return !std::binary_search(to.begin(), to.end(), scope);
    });
  } else {
    scopes = std::move(to);
  }
}

}  // namespace

void Node::Impl::Admission::keep_payload(const PacketKey& key,
                                         const std::shared_ptr<const Content>& payload) {
  if (!payload || node_.governance.rules.empty()) return;
  const RuleSet* const rules = node_.governance.rules.of(key.ns());
  if (rules == nullptr) return;
  const auto& reads = rules->reads_payload;
  if (reads[static_cast<size_t>(Point::kAssign)] || reads[static_cast<size_t>(Point::kHandoff)]) {
    node_.governance.payloads.put(key, payload);
  }
}

bool Node::Impl::Admission::must_read_payload(const Packet& head) {
  if (node_.governance.rules.empty()) return false;
  RuleSet* const rules = node_.governance.rules.of(head.key.ns());
  if (rules == nullptr) return false;
  const Asking asking(node_, *rules, head);
  if (!asking.lacks_payload(Point::kAssign) && !asking.lacks_payload(Point::kHandoff)) return false;
  node_.governance.payloads.ask(head.key, true);
  return true;
}

bool Node::Impl::Admission::puts_aside(Command& command, OwnerCalls& request,
                                       std::span<const SlotNo> slots) {
  const bool gives_on =
      std::any_of(request.items.begin(), request.items.end(), [](const auto& item) {
        return item && (item->call == Call::kHandoff || item->call == Call::kAccept);
      });
  if (!gives_on) return false;
  for (const SlotNo slot : slots) {
    if (slot == kNoSlot || !must_read_payload(*node_.packets[slot].head)) continue;
    const std::string awaited = payload_block_name(node_.packets[slot].head->key);
    command.body = std::move(request);
    node_.block(awaited, std::move(command));
    return true;
  }
  return false;
}

void Node::Impl::Admission::payload_read(const PacketKey& key,
                                         Result<std::optional<Content>> found) {
  node_.governance.payloads.answered(key);
  const SlotNo no = node_.packets.find(key);
  if (no == kNoSlot || (found && *found)) {
    if (no != kNoSlot) {
      keep_payload(key, std::make_shared<const Content>(std::move(**found)));
      node_.look_again(no);
    }
    return node_.unblock(payload_block_name(key));
  }
  const auto waits = node_.blocked.extract(payload_block_name(key));
  if (waits.empty()) return;
  for (const Command& command : waits.mapped()) {
    node_.refuse(command.id, found ? Error{.kind = ErrorKind::kInternal,
                                           .detail = "the store has no payload of " + key.text()}
                                   : found.error());
  }
}

void Node::Impl::Admission::name_owner(Change& change, const Packet& head, MemberNo to,
                                       bool reserved) {
  const Member& member = node_.directory.member(to);
  change.to = Owner{std::string(member.record->key.id()), member.record->incarnation};
  const auto& before = change.governed ? change.governed : head.governed;
  std::vector<OwedFor> owed;
  RuleSet* const rules = node_.rules_for(head);
  if (rules != nullptr && rules->obliges_owner) {
    owed = Asking(node_, *rules, head).owed(to, reserved ? head.spec->load : 0);
  }
  if (owed.empty() && (!before || before->redacted.empty())) return;
  auto next = before ? std::make_shared<Governed>(*before) : std::make_shared<Governed>();
  next->redacted.clear();
  for (const OwedFor& each : owed) {
    for (const Obligation& one : each.rule->obligations) {
      if (one.kind == Obligation::Kind::kNarrowScopes) narrow(next->scopes, one.names);
      if (one.kind != Obligation::Kind::kRedact) continue;
      next->redacted.insert(next->redacted.end(), one.names.begin(), one.names.end());
    }
    change.notes.push_back(note_of(each));
  }
  next->redacted = sorted(std::move(next->redacted));
  change.governed = std::move(next);
}

std::optional<Error> Node::Impl::Admission::cut_context(const OwnerCall& call, SlotNo no,
                                                        Change& change) {
  if (!change.to || !change.governed) return std::nullopt;
  for (ContentWrite& write : change.contents) {
    if (write.kind != ContentKind::kContext) continue;
    auto shown = redacted_content(write.content, change.governed->redacted);
    if (shown == write.content) continue;
    if (!call.statement.empty()) {
      const Slot& slot = node_.packets[no];
      std::string keys;
      for (const std::string& path : change.governed->redacted) keys += " " + path;
      Error error = node_.packet_error(
          ErrorKind::kPolicyDenied, *slot.head, node_.status(slot),
          "/context: " + change.to->id + " may not be shown" + keys +
              "; sign an offer of a context with \"[redacted]\" there; you keep it");
      error.reason_code = breach_code(policy::Breach::kUnredactedKey);
      return error;
    }
    write.content = std::move(shown);
  }
  return std::nullopt;
}

}  // namespace phoenix
