#include "bench/script.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "bench/child_process.h"

namespace phoenix::bench {
namespace {

Words split(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

double number(const Words& words, size_t at) {
  return at < words.size() ? std::strtod(words[at].c_str(), nullptr) : 0;
}

std::vector<double> numbers(const Words& words, size_t from) {
  std::vector<double> found;
  for (size_t i = from; i < words.size(); ++i) found.push_back(number(words, i));
  return found;
}

double number_after(const Words& words, const std::string& name) {
  const auto at = std::find(words.begin(), words.end(), name);
  return at == words.end() ? 0 : number(words, static_cast<size_t>(at - words.begin()) + 1);
}

Result<std::vector<Words>> run_script(const std::string& program, const std::string& script,
                                      const Words& words) {
  std::vector<std::string> command = {"/usr/bin/env", "PHOENIX_BIN=" + program, PHOENIX_PYTHON,
                                      "-B", script};
  command.insert(command.end(), words.begin(), words.end());
  const auto child = ChildProcess::start(command);
  if (!child) return tl::unexpected(child.error());
  std::vector<Words> lines;
  for (std::string line = (*child)->line(); !line.empty(); line = (*child)->line()) {
    lines.push_back(split(line));
    if (lines.back().empty() || lines.back().front() == "fault") {
      (*child)->wait();  // it takes down what it has started
      return fail(ErrorKind::kInternal, line.substr(std::min<size_t>(6, line.size())));
    }
  }
  (*child)->wait();
  if (lines.empty()) return fail(ErrorKind::kInternal, "nothing came of " + script + words[0]);
  return lines;
}

}  // namespace phoenix::bench
