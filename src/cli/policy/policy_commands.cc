#include "cli/policy/policy_commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "cli/context.h"
#include "cli/policy/json_values.h"
#include "policy/cel/program.h"

namespace phoenix::cli {
namespace {

constexpr size_t kMaxInput = 1 << 20;
// A document takes more as values than as text: 16 bytes for a digit and a comma.
constexpr size_t kMaxInputValues = 32 << 20;
constexpr size_t kMaxNames = 65'535;  // as many slots as a schema counts

struct EvalOptions {
  std::string input;  // a file; empty: none
};

// An expression that has no value: what is wrong, and where in it.
int refuse(Context& context, const std::vector<cel::Problem>& problems) {
  std::vector<std::string> lines;
  Json places = Json::array();
  for (const cel::Problem& problem : problems) {
    lines.push_back(cel::problem_text(problem));
    Json place = Json::object();
    place.set("line", Json::number(problem.line))
        .set("column", Json::number(problem.column))
        .set("detail", Json::string(problem.what));
    places.push(std::move(place));
  }
  const std::string text = fmt::format("{}", fmt::join(lines, "\n"));
  if (context.out.for_people()) {
    return context.out.report({kExitFailed, "the expression has no value", text, "", ""});
  }
  Json document = Json::object();
  document.set("error", Json::string(text)).set("errors", std::move(places));
  print_answer(context, std::move(document), text, "");
  return kExitFailed;
}

int answer(Context& context, const cel::Value& value) {
  Json document = Json::object();
  document.set("type", Json::string(type_of_value(value))).set("value", json_of_value(value));
  const std::string text = document["value"].dump();
  print_answer(context, std::move(document), text,
               fmt::format("{} ({})", text, type_of_value(value)));
  return kExitDone;
}

// The names of the input's first level are the names of the expression; of any type.
struct Input {
  Json document = Json::object();
  cel::Schema schema;
  std::vector<cel::Value> values;
  cel::Scratch memory{kMaxInputValues};
};

Outcome<std::unique_ptr<Input>> read_values(const std::string& path) {
  constexpr const char* kWhat = "cannot evaluate";
  auto input = std::make_unique<Input>();
  if (path.empty()) return input;
  const auto text = read_input(path, kMaxInput, kWhat);
  if (!text) return tl::unexpected(text.error());
  auto document = Json::parse(*text);
  if (!document) {
    return tl::unexpected(
        wrong_use(kWhat, path + ": " + document.error().detail, "the input is one JSON object"));
  }
  if (!document->is_object()) {
    return tl::unexpected(wrong_use(kWhat, path + ": is no JSON object",
                                    "for example {\"member\": {\"trustScore\": 0.9}}"));
  }
  if (document->members().size() > kMaxNames) {
    return tl::unexpected(
        wrong_use(kWhat, fmt::format("{}: has {} members", path, document->members().size()),
                  fmt::format("the input is one JSON object with at most {} members", kMaxNames)));
  }
  input->document = std::move(*document);
  for (const auto& [name, member] : input->document.members()) {
    input->schema.add(name, cel::Kind::kDyn);
    input->values.push_back(value_of_json(member, input->memory));
    if (input->values.back().is_error()) {
      return tl::unexpected(wrong_use(kWhat, path + ": too many values"));
    }
  }
  return input;
}

Outcome<int> evaluate_expression(Context& context, const std::string& expression,
                                 const EvalOptions& options) {
  const auto input = read_values(options.input);
  if (!input) return tl::unexpected(input.error());
  const auto program = cel::compile(expression, (*input)->schema);
  if (!program) return refuse(context, program.error());
  cel::Scratch scratch;
  const cel::Value value = cel::evaluate(*program, (*input)->values, scratch);
  if (!value.is_error()) return answer(context, value);
  return refuse(context, {cel::problem_at(program->text, value.size,
                                          std::string(cel::fault_text(value.fault)))});
}

void add_eval(std::vector<Command>& table) {
  const auto options = std::make_shared<EvalOptions>();
  const auto words = std::make_shared<std::vector<std::string>>();
  const auto rest = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = "policy eval";
  command.summary = "what an expression of a policy answers";
  command.usage = "EXPR [--input FILE]";
  command.detail =
      "The members of the input, a JSON object, are the names of the expression. Answers its type "
      "and\n"
      "value, or exits 1 with what is wrong and where. One that starts with a minus goes behind "
      "--.";
  command.example = "phoenix policy eval 'member.trustScore >= 0.8' --input case.json";
  command.flags.push_back(text_flag("--input", "FILE", &options->input,
                                    "a JSON object; - for stdin (default: no names)"));
  command.words_name = "EXPR";
  command.words_max = 1;
  command.words = words.get();
  command.rest = rest.get();
  command.run = [options, words, rest](Context& context) {
    words->insert(words->end(), rest->begin(), rest->end());
    if (words->size() != 1) {
      return context.out.report(
          wrong_use("policy eval takes one expression", "", "see: phoenix policy eval --help"));
    }
    return finish(context, evaluate_expression(context, words->front(), *options));
  };
  table.push_back(std::move(command));
}

}  // namespace

void add_policy_commands(std::vector<Command>& table) { add_eval(table); }

}  // namespace phoenix::cli
