#include "sim/governed/ruler.h"

#include <utility>

#include "node/governed/approval.h"
#include "sim/governed/house_rules.h"

namespace phoenix::sim {

void Ruler::start() {
  rule();
  decide();
}

void Ruler::rule() {
  const int64_t gap = env_.calm ? prng_.between(200, 500) : prng_.between(300, 2'500);
  env_.queue.after(milliseconds(gap), [this] { rule(); });
  ApplyDocuments wanted;
  wanted.ns = kNamespace;
  const bool lifts = env_.calm || prng_.chance(1, 8);
  const size_t which = prng_.below(kHouseRules.size());
  wanted.items.push_back({DocumentKind::kPolicy, std::string(kHousePolicy),
                          lifts ? std::string() : house_policy(which), std::nullopt});
  wanted.items.push_back({DocumentKind::kPolicy, std::string(kHandingPolicy),
                          lifts ? std::string() : handing_policy(), std::nullopt});
  Command command;
  command.caller.principal = "ops";
  command.caller.is_operator = true;
  command.body = std::move(wanted);
  send(std::move(command));
}

// Some are left to their time.
void Ruler::decide() {
  env_.queue.after(milliseconds(prng_.between(100, 600)), [this] { decide(); });
  const Node* const node = node_();
  if (node == nullptr) return;
  for (const DocumentPtr& document : node->documents(DocumentKind::kApproval, kNamespace)) {
    const auto form = approval_of_json(document->text);
    if (!form || form->state != ApprovalState::kPending || !prng_.chance(1, 3)) continue;
    Command command;
    command.caller.principal = "ada-token";
    command.caller.is_approver = true;
    command.caller.human = "ada";
    command.body = DecideApproval{std::string(kNamespace), document->key.name, prng_.chance(3, 4),
                                  "looked at"};
    send(std::move(command));
  }
}

void Ruler::send(Command command) {
  (void)env_.network.send(link_, std::move(command), [](const Reply*) {});
}

}  // namespace phoenix::sim
