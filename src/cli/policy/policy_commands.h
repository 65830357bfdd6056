// Verbs about policies, contracts and approvals.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_policy_commands(std::vector<Command>& table);    // policy eval
void add_app_policies(std::vector<Command>& table);       // policy list, test
void add_policy_replay(std::vector<Command>& table);      // policy replay
void add_contract_commands(std::vector<Command>& table);  // contract apply, list, show, delete
void add_approval_commands(std::vector<Command>& table);  // approval list, show, approve, reject

}  // namespace phoenix::cli
