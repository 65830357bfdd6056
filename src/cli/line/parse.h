// From the words of a command line to a command whose option struct is filled.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "cli/line/command.h"
#include "cli/line/globals.h"

namespace phoenix::cli {

struct ParsedLine {
  const Command* command = nullptr;  // null: only a group or nothing was named
  std::string group;                 // "packet" or "": what to show help of, if no command
  bool help = false;                 // asked for help; nothing was checked further
};

// `args` without the program's name. Fills `globals` and, through its setters, the option struct
// of the command. Every complaint of the line is told, not the first alone.
tl::expected<ParsedLine, WrongUse> parse_line(const std::vector<std::string>& args,
                                              const std::vector<Command>& table, Globals* globals);

}  // namespace phoenix::cli
