// Policies as they stand in documents, read but not yet compiled. Who reads documents fills this;
// nothing here knows how they are written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/rules/point.h"

namespace phoenix::policy {

// Where something stands, for people: file, line and column from 1; 0 where unknown.
struct Place {
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
  bool operator==(const Place&) const = default;
};
// "policies/can-assign.yaml:7:15".
std::string place_text(const Place& place);

// What goes along with a permission.
struct Obligation {
  enum class Kind : uint8_t {
    kLog,           // tell it in the log
    kRedact,        // take these fields out of the payload before it is delivered
    kNarrowScopes,  // what the receiver may use is cut down to these
  };
  Kind kind = Kind::kLog;
  std::vector<std::string> names;  // fields or scopes; none of kLog
  bool operator==(const Obligation&) const = default;
};

// Where a line of an expression begins: that byte of it stands at that place of the document.
struct LineStart {
  uint32_t offset = 0;
  uint32_t line = 0;
  uint32_t column = 0;
};

// Who is to approve, and what happens if nobody does.
struct Approval {
  std::string role = "approver";
  uint32_t expires_seconds = 86'400;
  Verdict on_expiry = Verdict::kDeny;  // or kAllow
  bool operator==(const Approval&) const = default;
};

struct RuleSource {
  std::string name;        // empty: "rule 2"
  std::string condition;   // an expression; "" always holds
  bool otherwise = false;  // counts where no other rule of its policy holds; has no condition
  Verdict verdict = Verdict::kDeny;
  std::string reason;  // for people; empty: one is made of the name
  std::vector<Obligation> obligations;
  Approval approval;  // of kRequireApproval
  Place place;
  Place condition_place;  // of the first byte of the expression
  // Of one that stands in several lines of the document, for people; in order.
  std::vector<LineStart> condition_lines;
  std::vector<Place> obligation_places;  // for people: one for each obligation, or none
};

struct RestrictedTag {
  std::string tag;
  std::vector<std::string> required_compliance;  // all of them
  std::optional<double> minimum_trust;
  Place place;
};

// The rules that are no expressions. A policy that has any allows what meets them all.
struct Requirements {
  std::optional<double> minimum_trust;    // of the member, or of the target
  bool some_capability = false;           // requireCapabilities
  bool capability_match = false;          // requireCapabilityMatch
  bool room = false;                      // maxLoadRequired
  bool same_namespace = false;            // of member or target and packet
  std::vector<RestrictedTag> restricted;  // at a handoff or an assignment
  Place place;

  bool any() const {
    return minimum_trust || some_capability || capability_match || room || same_namespace ||
           !restricted.empty();
  }
};

struct PolicySource {
  std::string name;
  Point point = Point::kAssign;
  bool older = false;  // of v1alpha1
  // Where no rule holds. Not given: deny, or of v1alpha1 allow.
  std::optional<Verdict> otherwise;
  std::vector<RuleSource> rules;
  Requirements requirements;
  Place place;
};

// The requirements as rules that deny: each a condition under which one of them is not met. The
// last one allows whatever gets that far.
std::vector<RuleSource> rules_of(const Requirements& requirements, Point point);

}  // namespace phoenix::policy
