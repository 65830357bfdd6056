#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <memory>

#include "base/key.h"
#include "cli/commands/commands.h"
#include "cli/commands/member_view.h"
#include "cli/context.h"
#include "cli/line/values.h"
#include "cli/worker/worker_main.h"
#include "client/address.h"
#include "sim/sim_main.h"

#ifdef PHOENIX_DEMO
#include "cli/demo/demo.h"
#endif

namespace phoenix::cli {
namespace {

#ifdef PHOENIX_DEMO
Flag seed_flag(uint64_t* into, bool* given, std::string help) {
  Flag flag = text_flag("--seed", "N", nullptr, std::move(help));
  flag.set = [into, given](std::string_view text) -> Complaint {
    const auto value = parse_integer(text, 0, INT64_MAX);
    if (!value) return value.error();
    *into = static_cast<uint64_t>(*value);
    *given = true;
    return std::nullopt;
  };
  return flag;
}

constexpr int64_t kNotGiven = -1;

void add_demo(std::vector<Command>& table) {
  const auto options = std::make_shared<DemoOptions>();
  Command command;
  command.path = "demo";
  command.summary = "a host and real workers under churn; proves that nothing is lost";
  command.usage = "[--packets N] [--workers N] [--churn 400ms] [--hosts N] [flags]";
  command.example =
      "phoenix demo --packets 500 --seed 7\n"
      "phoenix demo --kill-host 5 --seed 11 -o json\n"
      "phoenix demo --hosts 3";
  command.flags.push_back(text_flag("--files", "DIR", &options->files_dir,
                                    "input: the files below (documentation of this machine)"));
  command.flags.push_back(
      number_flag("--packets", "N", &options->packets, 1, 1'000'000, "at least so many (3000)"));
  command.flags.push_back(
      number_flag("--workers", "N", &options->workers, 2, 256, "worker processes (8)"));
  command.flags.push_back(duration_flag("--churn", "400ms", &options->churn,
                                        "one worker is hit each time this has passed"));
  command.flags.push_back(
      seed_flag(&options->seed, &options->seed_given, "draws who is hit, and how (1)"));
  options->kill_host = kNotGiven;
  command.flags.push_back(number_flag("--kill-host", "N", &options->kill_host, 0, 100,
                                      "SIGKILL and restart the host so often (0)"));
  command.flags.push_back(number_flag(
      "--hosts", "N", &options->hosts, 1, 16,
      "hosts that share a store; each of killed, frozen and sent away --kill-host times (2)"));
  command.flags.push_back(text_flag("--store", "postgresql://…", &options->store,
                                    "their store (a PostgreSQL of the demo's own)"));
  command.flags.push_back(switch_flag("--keep", &options->keep, "leave the host up at the end"));
  command.flags.push_back(
      text_flag("--data", "DIR", &options->data_dir, "data folder (a temporary one)"));
  command.flags.push_back(text_flag("--audit-out", "DIR", &options->audit_dir,
                                    "keep what was recorded and verified at the end"));
  command.run = [options](Context& context) {
    if (options->churn.ns == 0) {
      return context.out.report(wrong_use("--churn: 0s is too short", "", "for example 400ms"));
    }
    if (!options->store.empty() && !options->store.starts_with("postgresql://") &&
        !options->store.starts_with("postgres://")) {
      return context.out.report(wrong_use("--store: \"" + options->store + "\" is no server", "",
                                          "for example postgresql://db.example/phoenix"));
    }
    if (options->kill_host == kNotGiven) options->kill_host = options->hosts > 1 ? 2 : 0;
    options->json = context.out.format() == Format::kJson;
    options->color = context.out.color();
    options->progress = context.out.live();
    options->quiet = context.out.quiet();
    options->verbose = context.out.verbose();
    return run_demo(*options);
  };
  table.push_back(std::move(command));
}

#endif

struct WorkerLine {
  WorkerOptions worker;
  std::vector<std::string> labels;
  std::string codec = "bytes";
  int64_t max_result = 1024 * 1024;
};

Outcome<WorkerOptions> worker_options(Context& context, const WorkerLine& line) {
  WorkerOptions options = line.worker;
  if (options.command.empty()) {
    return tl::unexpected(
        wrong_use("no command to run: -- CMD ARG… is missing", "it is run once for each packet",
                  "for example: phoenix worker start --capability words -- wc -w"));
  }
  if (options.capabilities.empty()) {
    return tl::unexpected(wrong_use("--capability C is missing", "it says what CMD can do",
                                    "for example --capability ocr"));
  }
  if (!options.id.empty() && !valid_id(options.id)) {
    return tl::unexpected(wrong_use(fmt::format("--id: \"{}\" is no member id", options.id),
                                    "1 to 128 of A-Z a-z 0-9 . _ -, first a letter or digit"));
  }
  if (options.lease.ms() % 1000 != 0 || options.lease < seconds(1) ||
      seconds(3600) < options.lease) {
    return tl::unexpected(wrong_use(fmt::format("--lease: {} is not from 1s to 1h in whole seconds",
                                                format_duration(options.lease))));
  }
  for (const std::string& label : line.labels) {
    auto pair = split_pair(label, "--label");
    if (!pair) return tl::unexpected(pair.error());
    options.labels.push_back(std::move(*pair));
  }
  auto host = context.api.host_options();
  if (!host) return tl::unexpected(host.error());
  options.urls = host->urls;
  options.token = host->token;
  options.tls_ca = host->tls_ca;
  options.ns = context.api.name_space();
  if (!options.ns.empty() && !valid_id(options.ns)) {
    return tl::unexpected(wrong_use(fmt::format("-n: \"{}\" is no namespace", options.ns),
                                    "a member works for one namespace"));
  }
  options.codec = line.codec == "json" ? WorkerCodec::kJson : WorkerCodec::kBytes;
  options.max_result = static_cast<std::size_t>(line.max_result);
  options.request_timeout = context.globals.request_timeout;
  options.events = context.out.format() == Format::kJson;
  options.verbosity = context.out.quiet() ? -1 : context.out.verbose() ? 2 : 0;
  return options;
}

void add_worker_flags(std::vector<Flag>& flags, WorkerLine* line) {
  WorkerOptions* worker = &line->worker;
  flags.push_back(text_flag("--id", "ID", &worker->id, "its id (host-pid); kept over restarts"));
  flags.push_back(
      list_flag("--capability", "C,…", &worker->capabilities, "what CMD can do; repeatable"));
  Flag original = list_flag("--capabilities", "C,…", &worker->capabilities, "");
  original.hidden = true;
  flags.push_back(std::move(original));
  flags.push_back(
      choice_flag("--kind", {"agent", "service", "tool", "model", "human", "api", "worker", "node"},
                  &worker->kind, "what it is"));
  flags.push_back(
      number_flag("--max-load", "N", &worker->max_load, 1, 1'000'000, "packets at a time (1)"));
  flags.push_back(
      number_flag("--weight", "N", &worker->weight, 1, 10'000, "share of the ring (100)"));
  flags.push_back(texts_flag("--label", "K=V", &line->labels, "label; repeatable"));
  flags.push_back(score_flag("--trust", &worker->trust_score));
  flags.push_back(score_flag("--reliability", &worker->reliability));
  flags.push_back(list_flag("--compliance", "C,…", &worker->compliance,
                            "what it may be trusted with; repeatable"));
  flags.push_back(text_flag("--dir", "DIR", &worker->dir, "the folder that CMD runs in (here)"));
  flags.push_back(
      duration_flag("--lease", "3s", &worker->lease, "silence until it counts as lost"));
  flags.push_back(duration_flag("--timeout", "5m", &worker->timeout, "of one run of CMD (none)"));
  flags.push_back(choice_flag("--codec", {"bytes", "json"}, &line->codec,
                              "json: stdout must be one JSON value"));
  Flag max_result = text_flag("--max-result", "1MiB", nullptr, "CMD is killed when it writes more");
  max_result.set = [line](std::string_view text) -> Complaint {
    auto bytes = parse_bytes(text, 1, int64_t{1} << 30);
    if (!bytes) return bytes.error();
    line->max_result = *bytes;
    return std::nullopt;
  };
  flags.push_back(std::move(max_result));
  flags.push_back(
      duration_flag("--kill-after", "5s", &worker->kill_after, "from SIGTERM to SIGKILL (5s)"));
  flags.push_back(duration_flag("--drain-timeout", "25s", &worker->drain_timeout,
                                "after our own SIGTERM (25s)"));
  flags.push_back(text_flag("--state-file", "FILE", &worker->state_file,
                            "keeps the session, so that a restart takes it over"));
  flags.push_back(text_flag("--data", "DIR", &worker->data_dir,
                            "its key, made at the first start (.phoenixflight)"));
  flags.push_back(
      switch_flag("--tickets", &worker->tickets,
                  "give CMD PHOENIX_TICKET_FILE, to prove to others that it owns the packet"));
  flags.push_back(switch_flag("--no-key", &worker->no_key, "register without a key, sign nothing"));
  flags.push_back(switch_flag("--no-self-check", &worker->no_self_check,
                              "do not stop at the lease's end (to show the host's fence)"));
}

void add_worker(std::vector<Command>& table) {
  const auto line = std::make_shared<WorkerLine>();
  Command command;
  command.path = "worker start";
  command.summary = "any executable as a member: CMD is run once for each packet";
  command.usage = "--capability C,… [flags] -- CMD ARG…";
  command.detail =
      "The payload comes on stdin, stdout is the result; exit 0 completes, 75 gives the packet\n"
      "back, any other fails it with the end of stderr. PHOENIX_PACKET_ID and others are set.\n"
      "SIGTERM drains. -o json: one line for each event of its life on stdout.";
  command.example =
      "phoenix worker start --capability digest -- sha256sum\n"
      "phoenix worker start --capability ocr --max-load 4 -- ./ocr.sh --fast";
  add_worker_flags(command.flags, line.get());
  command.rest = &line->worker.command;
  command.run = [line](Context& context) {
    auto options = worker_options(context, *line);
    if (!options) return context.out.report(options.error());
    return run_worker(*options);
  };
  table.push_back(std::move(command));
}

// Seeds that nobody has played before, until so long has passed: those of the clock.
void play_for(Duration length, SimOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::nanoseconds(length.ns);
  options.more = [until] { return Clock::now() < until; };
  const auto today = std::chrono::system_clock::now().time_since_epoch();
  options.seed_first =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(today).count());
}

void add_sim(std::vector<Command>& table) {
  const auto options = std::make_shared<SimOptions>();
  Command command;
  command.path = "sim";
  command.summary = "play a seed in the simulator: the same code, virtual time";
  command.usage =
      "[--hosts N] [--seed N | --seeds A..B | --hours H] [--steps M] [--scenario FILE|WORLD]";
  command.detail =
      "Exit 1 on a violation, with the seed and the command that replays it.\n"
      "With --hosts a scenario says what goes wrong and when (tests/scenarios/cluster).\n"
      "Worlds of steady coming and going are low-churn, moderate-churn, high-churn, agent-swarm, "
      "or\n"
      "worlds for all four: their three metrics, in one table. A step of theirs is a second.";
  command.example =
      "phoenix sim --hosts 3 --seed 42\nphoenix sim --scenario low-churn,high-churn --seed 42";
  Flag seed = text_flag("--seed", "N", nullptr, "the seed (1)");
  seed.set = [options](std::string_view text) -> Complaint {
    const auto value = parse_integer(text, 0, INT64_MAX);
    if (!value) return value.error();
    options->seed_first = options->seed_last = static_cast<uint64_t>(*value);
    return std::nullopt;
  };
  command.flags.push_back(std::move(seed));
  Flag seeds = text_flag("--seeds", "A..B", nullptr, "all seeds from A to B");
  seeds.set = [options](std::string_view text) -> Complaint {
    const size_t dots = text.find("..");
    if (dots == std::string_view::npos) return fmt::format("\"{}\" is no A..B", text);
    const auto first = parse_integer(text.substr(0, dots), 0, INT64_MAX);
    const auto last = parse_integer(text.substr(dots + 2), 0, INT64_MAX);
    if (!first || !last || *last < *first) {
      return fmt::format("\"{}\" is no A..B with whole numbers and A not above B", text);
    }
    options->seed_first = static_cast<uint64_t>(*first);
    options->seed_last = static_cast<uint64_t>(*last);
    return std::nullopt;
  };
  command.flags.push_back(std::move(seeds));
  const auto length = std::make_shared<Duration>();
  Flag hours = text_flag("--hours", "H", nullptr, "fresh seeds for so long; prints what fails");
  hours.set = [length](std::string_view text) -> Complaint {
    const auto hours = parse_hours(text);
    if (!hours) return hours.error().detail;
    *length = *hours;
    return std::nullopt;
  };
  command.flags.push_back(std::move(hours));
  command.flags.push_back(number_flag("--steps", "M", &options->steps, 1, 100'000'000,
                                      "steps of a seed (2000; of a world 100)"));
  command.flags.push_back(number_flag("--hosts", "N", &options->hosts, 0, 1'000,
                                      "hosts that share a store; 0: one alone (0)"));
  command.flags.push_back(text_flag("--scenario", "FILE|WORLD", &options->scenario,
                                    "play this instead of a generated one"));
  command.flags.push_back(
      switch_flag("--signed", &options->sign, "members have keys, which are changed under way"));
  command.flags.push_back(switch_flag("--governed", &options->govern,
                                      "policies are in force, which are changed under way"));
  command.flags.push_back(text_flag("--plant", "BUG", &options->planted_bug,
                                    "plant a known bug; needs a build made for it"));
  command.run = [options, length](Context& context) {
    options->json = context.out.format() == Format::kJson;
    options->verbose = context.out.verbose();
    if (*length > Duration{}) play_for(*length, *options);
    return run_sim(*options);
  };
  table.push_back(std::move(command));
}

}  // namespace

void add_run_commands(std::vector<Command>& table) {
#ifdef PHOENIX_DEMO
  add_demo(table);
#endif
  add_worker(table);
  add_sim(table);
}

}  // namespace phoenix::cli
