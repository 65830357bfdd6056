// Each function adds its verbs to the table. The option structs live in the closures of the
// commands that use them.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_packet_submit(std::vector<Command>& table);  // submit, create
void add_packet_reads(std::vector<Command>& table);   // list, show, watch, explain, result, inspect
void add_packet_changes(
    std::vector<Command>& table);  // cancel, retry, assign, handoff, as a member
void add_member_commands(std::vector<Command>& table);
void add_host_commands(std::vector<Command>& table);
void add_audit_commands(std::vector<Command>& table);
void add_ring_commands(std::vector<Command>& table);
void add_status_command(std::vector<Command>& table);
void add_serve_commands(std::vector<Command>& table);  // serve, runtime start, init
void add_run_commands(std::vector<Command>& table);    // demo, worker start, sim
void add_other_commands(std::vector<Command>& table);  // completion, version, help, later verbs

// All of the above, in the order in which help shows them.
std::vector<Command> all_commands();

}  // namespace phoenix::cli
