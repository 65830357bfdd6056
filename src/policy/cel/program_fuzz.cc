// Any text: either it is refused with a place in it, or it compiles and then ends, twice with the
// same result.
#include <cstdint>
#include <cstdlib>

#include "policy/cel/program.h"

namespace phoenix::cel {
namespace {

void try_expression(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Schema schema;
  schema.add("member.trust", Kind::kDouble);
  schema.add_text("member.zone", 64);
  schema.add_texts("member.caps", 64, 64);
  schema.add_text_map("labels", 64, 64);
  schema.add("x", Kind::kDyn);
  schema.add("now", Kind::kTimestamp);

  Scratch memory;
  const Value texts[] = {string_value("ocr"), string_value("a")};
  const Entry labels[] = {{string_value("k"), string_value("v")}};
  const Entry entries[] = {{string_value("k"), int_value(1)}, {string_value("l"), null_value()}};
  const Value input[] = {double_value(0.5),
                         absent_value(),
                         make_list(texts, 2, memory, 0),
                         make_map(labels, 1, memory, 0),
                         make_map(entries, 2, memory, 0),
                         timestamp_value(1'700'000'000, 5)};
  for (const bool strict : {true, false}) {
    CompileOptions options;
    options.strict = strict;
    const auto program = compile(text, schema, options);
    if (!program) {
      for (const Problem& problem : program.error()) {
        if (problem.at > size || problem.line < 1 || problem.column < 1) abort();
      }
      if (program.error().empty()) abort();
      continue;
    }
    if (program->cost > kMostCost) abort();
    Scratch first;
    Scratch second;
    const Value one = evaluate(*program, input, first);
    const Value two = evaluate(*program, input, second);
    if (one.kind != two.kind || one.is(Kind::kAbsent)) abort();
    const bool holds_nan = !equal(one, one);
    if (!one.is_error() && !holds_nan && !equal(one, two)) abort();
    // What the checker promises, the machine keeps.
    if (strict && !one.is_error() && program->result != Kind::kDyn && one.kind != program->result) {
      abort();
    }
  }
}

}  // namespace
}  // namespace phoenix::cel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  phoenix::cel::try_expression(data, size);
  return 0;
}
