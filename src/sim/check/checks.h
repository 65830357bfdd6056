// All checkers of one run, fed by the host's driver. The first violation stops the run: what
// follows it would only hide the cause.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "node/node.h"
#include "sim/check/answers.h"
#include "sim/check/bounds.h"
#include "sim/check/certificates.h"
#include "sim/check/plans.h"
#include "sim/check/shadow.h"
#include "sim/check/tickets.h"
#include "sim/check/violation.h"
#include "sim/check/work.h"
#include "sim/governed/policy_check.h"

namespace phoenix::sim {

class Checks {
 public:
  // shared: several hosts drive packets of one store.
  explicit Checks(bool shared = false);
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;

  // --- what the driver sees ---
  void command(Instant now, const Command& command);
  void reply(Instant now, const Command& command, const Reply& reply);
  // A ticket leaves the host that signed it, on its way to its owner.
  void ticket(Instant now, const OwnerReply& reply);
  void deliveries(Instant now, const Command& command, const DeliveriesReply& reply);
  // The node has put it out, by what it knows now.
  void decided(Instant now, const Node& node, const Group& group);
  // truth[i]: has the store really taken groups[i], whatever it has answered. `life`: of the host
  // that wrote them, 0 of the only one.
  void committed(Instant now, std::span<const Group> groups, const std::vector<bool>& truth,
                 uint64_t life = 0);
  void started(Instant now, Store& store);
  void stopped(Instant now, Store& store);
  void resumed(Instant now);
  // The store is in trouble as of now.
  void disturbed(Instant now);
  void after_step(Instant now, WallMs wall, const Node* node);
  // Of several hosts: who looks at them knows since when all has been well.
  void ask_whether_calm(std::function<bool()> calm) { shadow_.calm = std::move(calm); }
  void look(Instant now, Instant calm_since);

  void add_worker(const Worker* worker) { work_.add(worker); }
  void violate(Invariant invariant, std::string what);
  const std::optional<Violation>& violation() const { return violation_; }
  const Shadow& shadow() const { return shadow_; }
  // Asks the node before an input, and looks at what it then writes.
  Plans& plans() { return plans_; }
  const Plans& plans() const { return plans_; }
  PolicyCheck& policies() { return policies_; }
  const PolicyCheck& policies() const { return policies_; }
  Certificates& certificates() { return certificates_; }
  const Certificates& certificates() const { return certificates_; }

 private:
  Complain complain();

  Instant now_{0};
  std::optional<Violation> violation_;
  Shadow shadow_;
  Answers answers_;
  PolicyCheck policies_;
  Bounds bounds_;
  Work work_;
  Plans plans_;
  Tickets tickets_;
  Certificates certificates_;
};

}  // namespace phoenix::sim
