#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/table.h"

namespace phoenix::cli {
namespace {

bool environment_forbids_color() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return (no_color != nullptr && *no_color != '\0') ||
         (terminal != nullptr && std::strcmp(terminal, "dumb") == 0);
}

Format format_of(std::string_view name) {
  if (name == "wide") return Format::kWide;
  if (name == "json") return Format::kJson;
  if (name == "yaml") return Format::kYaml;
  if (name == "name") return Format::kName;
  return Format::kTable;
}

// Each line of the text made harmless for the terminal, the line feeds kept.
std::string harmless_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out += harmless(text.substr(0, end));
    if (end == std::string_view::npos) break;
    out.push_back('\n');
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

Output::Output(const Globals& globals)
    : format_(format_of(globals.output)),
      color_(!globals.no_color && !environment_forbids_color() && isatty(STDOUT_FILENO) == 1),
      quiet_(globals.quiet),
      verbose_(globals.verbose),
      live_(!globals.quiet && isatty(STDERR_FILENO) == 1) {}

void Output::print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void Output::print_line(std::string_view text) {
  print(text);
  if (!text.ends_with('\n')) print("\n");
}

void Output::remark(std::string_view text) {
  if (!quiet_) fmt::print(stderr, "{}\n", harmless_lines(text));
}

void Output::trace(std::string_view text) {
  if (verbose_) fmt::print(stderr, "{}\n", harmless_lines(text));
}

int Output::report(const Failure& failure) {
  std::fflush(stdout);
  const bool color = isatty(STDERR_FILENO) == 1 && !environment_forbids_color() && color_;
  const std::string text = render_failure(failure, format_, color);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return failure.exit_code;
}

bool Output::finish() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  const int error = errno;
  fmt::print(stderr, "cannot write the answer\nstdout: {}\n", std::strerror(error));
  return false;
}

std::string render_failure(const Failure& failure, Format format, bool color) {
  if (format == Format::kJson) {
    if (!failure.document.empty()) {
      return failure.document + (failure.document.ends_with('\n') ? "" : "\n");
    }
    Json document = Json::object();
    document.set("type", Json::string("about:blank")).set("title", Json::string(failure.what));
    document.set("detail", Json::string(failure.why));
    if (!failure.next.empty()) document.set("next", Json::string(failure.next));
    return document.dump() + "\n";
  }
  std::string out = bold(harmless_lines(failure.what), color) + "\n";
  if (!failure.why.empty()) out += harmless_lines(failure.why) + "\n";
  if (!failure.next.empty()) out += harmless_lines(failure.next) + "\n";
  return out;
}

}  // namespace phoenix::cli
