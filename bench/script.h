// Experiments with real processes are driven by scripts, out of the parts that the end-to-end tests
// are made of. A script says one finding a line, in words; here they become numbers.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace phoenix::bench {

using Words = std::vector<std::string>;

// 0 where there is no such word or it is no number.
double number(const Words& words, size_t at);
// All of them from there on.
std::vector<double> numbers(const Words& words, size_t from);
// The number behind that word; 0 where it is not there.
double number_after(const Words& words, const std::string& name);

// Runs `script WORD…` with `program` as the phoenix that it is about, and gives its lines. An error
// if it said nothing, or that something could not be measured (`fault WHAT`).
Result<std::vector<Words>> run_script(const std::string& program, const std::string& script,
                                      const Words& words);

}  // namespace phoenix::bench
