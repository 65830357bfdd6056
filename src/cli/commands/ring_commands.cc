#include <fmt/format.h>

#include <memory>

#include "cli/commands/commands.h"
#include "cli/commands/member_view.h"
#include "cli/commands/ring_view.h"
#include "cli/context.h"

namespace phoenix::cli {
namespace {

RingStyle style_of(const Context& context) {
  return {context.out.wide(), context.out.color(), !context.out.quiet()};
}

// -o name of an answer that is a list: the id of each, one a line.
bool print_names(Context& context, const Json& list) {
  if (context.out.format() != Format::kName) return false;
  for (const Json& item : list.items()) context.out.print_line(item["id"].text());
  return true;
}

Outcome<int> ring_show(Context& context, bool points) {
  Target target({"ring"});
  if (points) target.with("vnodes", "true");
  auto reply = context.api.get("cannot show the ring", target);
  if (!reply) return tl::unexpected(reply.error());
  if (print_names(context, reply->json["members"])) return kExitDone;
  print_answer(context, *reply, "", ring_text(reply->json, style_of(context)));
  return kExitDone;
}

struct OwnerOptions {
  std::vector<std::string> required;
  std::string match;
  std::optional<std::string> salt;
  std::optional<std::string> id;
  std::optional<std::string> affinity;
  std::optional<int64_t> load;
  std::optional<int64_t> k;
};

Outcome<int> ring_owner(Context& context, const OwnerOptions& options) {
  Target target({"ring", "owner"});
  target.with("requires", fmt::format("{}", fmt::join(options.required, ",")));
  if (!options.match.empty()) target.with("match", options.match);
  if (options.salt) target.with("salt", *options.salt);
  if (options.id) target.with("id", *options.id);
  if (options.affinity) target.with("affinity", *options.affinity);
  if (options.load) target.with("load", *options.load);
  if (options.k) target.with("k", *options.k);
  auto reply = context.api.get("cannot ask the ring", target);
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, reply->json["owner"].text(),
               owner_text(reply->json, style_of(context)));
  return kExitDone;
}

struct PlanOptions {
  std::string leave;
  std::string drain;
  std::string join;
  std::string change;
  std::string cause;
  std::vector<std::string> capabilities;
  std::optional<int64_t> weight;
  std::optional<int64_t> max_load;
  std::string trust;
  std::string reliability;
  std::optional<int64_t> limit;

  int changes() const {
    return int{!leave.empty()} + int{!drain.empty()} + int{!join.empty()} + int{!change.empty()};
  }
  bool has_fields() const { return !capabilities.empty() || weight || max_load; }
  bool has_scores() const { return !trust.empty() || !reliability.empty(); }
};

constexpr const char* kPlanHelp = "see: phoenix ring plan --help";

Outcome<Json> plan_document(const PlanOptions& options) {
  if (options.changes() != 1) {
    return tl::unexpected(wrong_use("ring plan needs one change to plan",
                                    "give one of --leave, --drain, --join, --change", kPlanHelp));
  }
  const bool has_member = !options.join.empty() || !options.change.empty();
  if (!has_member && (options.has_fields() || options.has_scores())) {
    return tl::unexpected(wrong_use("--capability, --weight and the like name what a member has",
                                    "they go with --join and --change", kPlanHelp));
  }
  if (!options.change.empty() && options.has_scores()) {
    return tl::unexpected(wrong_use("--trust and --reliability cannot be changed",
                                    "they are fixed when a member registers", kPlanHelp));
  }
  if (!options.cause.empty() && options.leave.empty()) {
    return tl::unexpected(wrong_use("--cause goes with --leave alone", "", kPlanHelp));
  }
  Json body = Json::object();
  if (!options.leave.empty()) body.set("leave", Json::string(options.leave));
  if (!options.cause.empty()) body.set("cause", Json::string(options.cause));
  if (!options.drain.empty()) body.set("drain", Json::string(options.drain));
  if (!has_member) return body;
  Json member = Json::object();
  member.set("id", Json::string(options.join.empty() ? options.change : options.join));
  if (!options.capabilities.empty()) {
    member.set("capabilities", Json::strings(options.capabilities));
  }
  if (options.weight) member.set("weight", Json::number(*options.weight));
  if (options.max_load) member.set("maxLoad", Json::number(*options.max_load));
  if (!options.trust.empty()) member.set("trustScore", Json::raw_number(options.trust));
  if (!options.reliability.empty()) {
    member.set("reliability", Json::raw_number(options.reliability));
  }
  body.set(options.join.empty() ? "change" : "join", std::move(member));
  return body;
}

Outcome<int> ring_plan(Context& context, const PlanOptions& options) {
  auto body = plan_document(options);
  if (!body) return tl::unexpected(body.error());
  Target target({"ring", "plan"});
  if (options.limit) target.with("limit", *options.limit);
  auto reply = context.api.post("cannot plan the change", target, *body);
  if (!reply) return tl::unexpected(reply.error());
  if (print_names(context, reply->json["packets"])) return kExitDone;
  print_answer(context, *reply, "", plan_text(reply->json, style_of(context)));
  return kExitDone;
}

void add_show(std::vector<Command>& table) {
  Command show;
  show.path = "ring show";
  show.summary = "members on the ring, their v-nodes, shares and load";
  show.example = "phoenix ring show -o wide";
  const auto points = std::make_shared<bool>(false);
  show.flags.push_back(switch_flag("--vnodes", points.get(), "every point too"));
  show.run = [points](Context& context) { return finish(context, ring_show(context, *points)); };
  table.push_back(std::move(show));
}

void add_owner(std::vector<Command>& table) {
  const auto options = std::make_shared<OwnerOptions>();
  Command owner;
  owner.path = "ring owner";
  owner.summary = "who would own a packet that requires these capabilities, and why";
  owner.usage = "--requires C,… [--id PACKET | --salt S | --affinity K] [flags]";
  owner.detail =
      "Shows the walk clockwise from the packet's point: every capable member that it\n"
      "meets up to the last one among which the score decides. For operators.";
  owner.example = "phoenix ring owner --requires ocr,pdf --id invoice-17";
  Flag requires_flag =
      list_flag("--requires", "C,…", &options->required, "capabilities of the packet");
  requires_flag.required = true;
  owner.flags.push_back(std::move(requires_flag));
  owner.flags.push_back(choice_flag("--match", {"all", "any"}, &options->match,
                                    "whether it needs all of them or any (all)"));
  owner.flags.push_back(
      optional_text_flag("--id", "PACKET", &options->id, "the packet's id, which is its salt"));
  owner.flags.push_back(optional_text_flag("--salt", "S", &options->salt, "the same, as any text"));
  owner.flags.push_back(optional_text_flag("--affinity", "K", &options->affinity,
                                           "its affinity key: the nearest with room gets it"));
  owner.flags.push_back(
      optional_number_flag("--load", "N", &options->load, 1, 1'000'000, "the packet's load (1)"));
  owner.flags.push_back(optional_number_flag("--k", "N", &options->k, 1, 64,
                                             "among how many eligible ones the score decides (8)"));
  owner.run = [options](Context& context) {
    return finish(context, ring_owner(context, *options));
  };
  table.push_back(std::move(owner));
}

void add_plan(std::vector<Command>& table) {
  const auto options = std::make_shared<PlanOptions>();
  Command plan;
  plan.path = "ring plan";
  plan.summary = "what a leave, drain, join or change would move, before doing it";
  plan.usage = "--leave M | --drain M | --join M [fields] | --change M [fields]";
  plan.detail =
      "Names every packet that would move and where to, and whose share of the ring\n"
      "changes. Exact if nothing else happens in between. -o name prints the packets'\n"
      "ids. For operators.";
  plan.example =
      "phoenix ring plan --leave ocr-1\n"
      "phoenix ring plan --join ocr-9 --capability ocr,pdf --max-load 4 -o json";
  plan.flags.push_back(text_flag("--leave", "M", &options->leave, "it goes without notice"));
  plan.flags.push_back(choice_flag("--cause", {"retire", "lease"}, &options->cause,
                                   "with --leave: it alone, or its session with all its members"));
  plan.flags.push_back(text_flag("--drain", "M", &options->drain, "it goes with notice"));
  plan.flags.push_back(text_flag("--join", "M", &options->join, "it registers with these fields"));
  plan.flags.push_back(text_flag("--change", "M", &options->change, "it gets these fields"));
  plan.flags.push_back(list_flag("--capability", "C,…", &options->capabilities, "what it can do"));
  plan.flags.push_back(optional_number_flag("--max-load", "N", &options->max_load, 1, 1'000'000,
                                            "how much it holds at a time (1)"));
  plan.flags.push_back(optional_number_flag("--weight", "N", &options->weight, 1, 10'000,
                                            "its share of the ring (100)"));
  plan.flags.push_back(score_flag("--trust", &options->trust));
  plan.flags.push_back(score_flag("--reliability", &options->reliability));
  plan.flags.push_back(optional_number_flag("--limit", "N", &options->limit, 0, 100'000,
                                            "packets to list (1000); all are counted"));
  plan.run = [options](Context& context) { return finish(context, ring_plan(context, *options)); };
  table.push_back(std::move(plan));
}

}  // namespace

void add_ring_commands(std::vector<Command>& table) {
  add_show(table);
  add_owner(table);
  add_plan(table);
}

}  // namespace phoenix::cli
