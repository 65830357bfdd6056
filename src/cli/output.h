// Where answers and complaints go. stdout gets the answer and nothing else; remarks, progress and
// failures go to stderr. One Output for a run of the program, made from the global flags.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/json.h"
#include "cli/line/command.h"
#include "cli/line/globals.h"

namespace phoenix::cli {

enum class Format : uint8_t { kTable, kWide, kJson, kYaml, kName };

// Why a verb did not do what it was asked: three lines for people, one document for programs.
struct Failure {
  int exit_code = kExitFailed;
  std::string what;      // "cannot show packet pkt_1"
  std::string why;       // "no packet has the id pkt_1 in namespace default"
  std::string next;      // "list them: phoenix packet list"; may be empty
  std::string document;  // the host's problem document; empty: one is made of the lines
};
template <class T>
using Outcome = tl::expected<T, Failure>;

class Output {
 public:
  Output() = default;
  explicit Output(const Globals& globals);

  Format format() const { return format_; }
  bool wide() const { return format_ == Format::kWide; }
  bool for_people() const { return format_ == Format::kTable || wide(); }
  bool color() const { return color_; }
  bool quiet() const { return quiet_; }
  bool verbose() const { return verbose_; }
  // Whether a line that rewrites itself has a place to stand: stderr is a terminal, no -q.
  bool live() const { return live_; }

  void print(std::string_view text);       // as it is
  void print_line(std::string_view text);  // closed by a line feed if it is not
  void remark(std::string_view text);      // stderr; not with -q
  void trace(std::string_view text);       // stderr; only with -v
  int report(const Failure& failure);      // stderr; answers its exit code
  // Waits for nothing; false (and a complaint) if stdout could not take all that was printed.
  bool finish();

 private:
  Format format_ = Format::kTable;
  bool color_ = false;
  bool quiet_ = false;
  bool verbose_ = false;
  bool live_ = false;
};

// The three lines, each starting at the margin; the document with -o json.
std::string render_failure(const Failure& failure, Format format, bool color);

}  // namespace phoenix::cli
