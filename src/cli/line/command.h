// The verbs of the program as data: what each is called, which flags it takes, its example and
// what it runs. Help, completion scripts, the parser and the tests all read this one table.
//
// A flag's setter puts the text of one use where the command wants it and answers a complaint
// ("is no duration; write 1500ms, 25s or 2m") or nothing. Setters hold pointers into option
// structs that live as long as the table.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace phoenix::cli {

class Context;

using Complaint = std::optional<std::string>;
using Setter = std::function<Complaint(std::string_view value)>;

struct Flag {
  std::string name;   // "--requires"
  char letter = 0;    // 'n' for -n; 0: none
  std::string value;  // what help calls its value; empty: a switch
  std::string help;   // one line
  Setter set;
  bool required = false;
  bool optional_value = false;       // "--wait" or "--wait=30s"; alone, the setter gets ""
  bool greedy = false;               // takes all values up to the next flag
  bool hidden = false;               // accepted, not shown
  std::vector<std::string> choices;  // for completion; the setter checks
};

struct Command {
  std::string path;     // "packet submit"
  std::string summary;  // one line, no full stop
  std::string usage;    // what follows the path: "PACKET… [--wait[=30s]]"
  std::string detail;   // a few more lines; may be empty
  std::string example;  // one or more lines that work as they stand
  std::vector<Flag> flags;
  // Words that are no flags. Fewer than the least or more than the most is wrong use.
  std::string words_name;  // "PACKET"; empty: none are taken
  size_t words_min = 0;
  size_t words_max = 0;
  std::vector<std::string>* words = nullptr;
  std::vector<std::string>* rest = nullptr;  // what follows `--`; null: nothing may
  bool later = false;                        // known, but not in this version
  bool hidden = false;                       // another spelling, not shown
  std::function<int(Context&)> run;          // answers the exit code
};

// A use of a command line that is wrong, in words for people.
struct WrongUse {
  std::string what;  // "unknown flag --foo"
  std::string why;   // may be empty
  std::string next;  // "see: phoenix packet list --help"
};

inline constexpr size_t kManyWords = 100'000;

// Makers of flags. Every one copies what it is given; `into` must outlive the table.
Flag switch_flag(std::string name, bool* into, std::string help);
Flag text_flag(std::string name, std::string value, std::string* into, std::string help);
Flag optional_text_flag(std::string name, std::string value, std::optional<std::string>* into,
                        std::string help);
// Repeatable, each use one value, taken as it is.
Flag texts_flag(std::string name, std::string value, std::vector<std::string>* into,
                std::string help);
// Repeatable and greedy, each value split at commas; `\,` is a comma within one.
Flag list_flag(std::string name, std::string value, std::vector<std::string>* into,
               std::string help);
Flag number_flag(std::string name, std::string value, int64_t* into, int64_t least, int64_t most,
                 std::string help);
Flag optional_number_flag(std::string name, std::string value, std::optional<int64_t>* into,
                          int64_t least, int64_t most, std::string help);
Flag duration_flag(std::string name, std::string value, Duration* into, std::string help);
Flag optional_duration_flag(std::string name, std::string value, std::optional<Duration>* into,
                            std::string help);
Flag choice_flag(std::string name, std::vector<std::string> choices, std::string* into,
                 std::string help);
// Known, but not in this version: using it is wrong use, said so.
Flag later_flag(std::string name, std::string value);

inline constexpr std::string_view kNotInThisVersion = "not in this version";

}  // namespace phoenix::cli
