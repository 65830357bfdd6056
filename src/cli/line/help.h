// Help pages and completion scripts, made from the table of commands. Pure text, 100 columns.
#pragma once

#include <string>
#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

// The page of the whole program: verbs in groups, the flags that all take.
std::string program_help(const std::vector<Command>& table, const std::vector<Flag>& globals);
// The verbs below one word, as "packet".
std::string group_help(const std::vector<Command>& table, const std::string& group);
// One command, and the verbs below it if it is also a word of its own, as "audit".
std::string command_help(const std::vector<Command>& table, const Command& command);

// A script for "bash", "zsh" or "fish" that completes verbs and flags of phoenix and pf.
std::string completion_script(const std::string& shell, const std::vector<Command>& table,
                              const std::vector<Flag>& globals);

}  // namespace phoenix::cli
