// What a node remembers of policies and of what they hold back. Private to src/node.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "directory/directory.h"
#include "keeper/parking.h"
#include "node/admission/payload_shelf.h"
#include "node/governed/approval.h"
#include "node/governed/contract_book.h"
#include "node/governed/notes.h"
#include "node/governed/rulebook.h"

namespace phoenix {

// Reason code of a packet that waits for its payload, for rules read it.
inline constexpr std::string_view kPayloadNotAtHand = "payload-not-at-hand";

// Why somebody may not have a packet.
struct PolicyRefusal {
  policy::Explanation why;
  policy::Point point = policy::Point::kAssign;
  policy::Approval approval;  // if somebody's word is all that it lacks
  MemberNo member = kNobody;  // of whom it was asked
  bool logged = false;        // a rule wants it told
  bool may_be_approved() const { return why.verdict == policy::Verdict::kRequireApproval; }
};
// What of an approval that it lacks is known from the refusal: by which rule, whose, until when.
ApprovalForm form_of(const PolicyRefusal& refusal, WallMs now);

struct Governance {
  Rulebook rules;
  ContractBook contracts;
  cel::Scratch scratch;  // of evaluations
  std::map<DocumentKey, ApprovalForm> approvals;

  // While the receiver of a handoff is looked for: who gives, and what travels.
  struct Handing {
    MemberNo giver = kNobody;
    std::shared_ptr<const Content> context;
  };
  Handing handing;
  // Write whose commit the answer to the call at hand waits for, since it tells of an approval that
  // this writes; 0: of none.
  uint64_t told_with = 0;
  // Of the last placement, if nobody was found or it was for a handoff: what kept a member that
  // matches and has room from having the packet.
  std::optional<PolicyRefusal> refusal;
  // Packets that wait for policies, not for room; `queued` as those of the parking are.
  Parking held;
  std::set<SlotNo> held_slots;
  std::set<std::string> changed;  // namespaces whose held packets are to be looked at again
  Instant look_at = kNever;       // when some of them are, whatever has happened
  SlotNo looked_until = 0;        // in turn

  PayloadShelf payloads;
  RefusalBook refusals;
  HeldNotes held_notes;
  HostNotes notes;
};

}  // namespace phoenix
