// Plans against what then happens (I5): before an input that may be a change of membership the node
// is asked what it would move, and what it then writes must be exactly that. Only where nothing
// else is on its way, for a plan speaks of that change alone.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "node/node.h"
#include "sim/check/answers.h"
#include "sim/check/violation.h"

namespace phoenix::sim {

class Plans {
 public:
  explicit Plans(Complain complain) : complain_(std::move(complain)) {}

  // Before the input.
  void command(Now now, const Node& node, uint64_t run, const Command& command);
  void committing(Now now, const Node& node, std::span<const Group> groups);
  void tick(Now now, const Node& node);
  // After it: what it made the node write and say.
  void done(const Output& out);

  // Changes that were compared with their plans, and packets that moved in them.
  uint64_t compared() const { return compared_; }
  uint64_t moved() const { return moved_; }

 private:
  // in_record: the group with this member's new record has the moves; else all groups are moves.
  struct Expected {
    std::string what;
    MemberKey member;
    bool in_record = false;
    bool only_to_member = false;  // only what this member gets comes of this very input
    Plan plan;
  };
  void expect(Now now, const Node& node, const PlanRequest& request, Expected expected);
  void compare(std::map<std::string, std::string> done, const std::set<std::string>& handed_out);

  Complain complain_;
  std::optional<Expected> expected_;
  uint64_t ticks_ = 0;
  uint64_t run_ = 0;
  std::set<std::string> heard_;  // sessions that called in this run of the host
  uint64_t compared_ = 0;
  uint64_t moved_ = 0;
};

}  // namespace phoenix::sim
