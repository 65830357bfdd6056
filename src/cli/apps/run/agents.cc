#include "cli/apps/run/agents.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "cli/apps/app_members.h"
#include "cli/exit_codes.h"

namespace phoenix::apps {
namespace {

constexpr Duration kLongestBackoff = seconds(60);
// Who lived that long may fail again as if for the first time.
constexpr Duration kSoundLife = seconds(10);
constexpr int kQuickEnds = 3;

// In a list of the command line a comma parts two words.
std::string escaped(const std::string& word) {
  std::string out;
  for (const char c : word) {
    if (c == ',') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string how(int status) {
  if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
  return fmt::format("exit {}", WEXITSTATUS(status));
}

}  // namespace

Agents::Agents(EventLoop& loop, demo::Processes& processes, Setup setup, Events events)
    : loop_(loop), processes_(processes), setup_(std::move(setup)), events_(std::move(events)) {
  for (const manifest::Agent& agent : setup_.app->agents) {
    const std::vector<std::string> command = cli::command_of(*setup_.app, agent);
    if (command.empty()) continue;
    for (const std::string& id : cli::member_ids(*setup_.app, agent)) {
      auto process = std::make_unique<Process>(loop);
      process->agent = &agent;
      process->command = command;
      process->id = id;
      all_.push_back(std::move(process));
    }
  }
}

void Agents::start() {
  for (const auto& process : all_) start(*process);
}

std::vector<std::string> Agents::arguments(const Process& process) const {
  const manifest::Agent& agent = *process.agent;
  const manifest::App& app = *setup_.app;
  std::vector<std::string> args = {demo::own_program(), "worker", "start", "-o", "json"};
  const auto add = [&](const char* flag, const std::string& value) {
    args.emplace_back(flag);
    args.push_back(value);
  };
  add("--url", setup_.url);
  add("-n", agent.ns);
  add("--id", process.id);
  add("--kind", agent.kind);
  for (const std::string& word : agent.capabilities) add("--capability", escaped(word));
  for (const std::string& word : agent.compliance) add("--compliance", escaped(word));
  if (agent.trust) add("--trust", fmt::format("{}", *agent.trust));
  if (agent.reliability) add("--reliability", fmt::format("{}", *agent.reliability));
  add("--max-load", fmt::format("{}", std::max<int64_t>(1, agent.max_load)));
  add("--weight", fmt::format("{}", agent.weight));
  const cli::Json labels = cli::app_labels(app, agent.labels, agent.name);
  for (const auto& [key, value] : labels.members()) add("--label", key + "=" + value.text());
  std::string folder = app.folder;
  if (agent.exec) {
    if (agent.exec->timeout_ms > 0) add("--timeout", fmt::format("{}ms", agent.exec->timeout_ms));
    if (!agent.exec->working_dir.empty()) folder += "/" + agent.exec->working_dir;
  }
  add("--dir", folder);
  // From wherever the app is run: an id is bound to the key that it registered with.
  add("--data", app.folder + "/.phoenixflight");
  if (app.drain_seconds) add("--drain-timeout", fmt::format("{}s", *app.drain_seconds));
  args.emplace_back("--");
  args.insert(args.end(), process.command.begin(), process.command.end());
  return args;
}

void Agents::start(Process& process) {
  auto pipe = demo::make_pipe();
  if (!pipe) {
    process.over = true;
    process.given_up = pipe.error().detail;
    return;
  }
  const std::string log_path = setup_.logs + "/" + process.id + ".log";
  const demo::Fd log(open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  demo::Processes::Start start;
  start.args = arguments(process);
  if (process.agent->exec) start.env = process.agent->exec->env;
  start.env.emplace_back("PHOENIXFLIGHT_URL", setup_.url);
  start.env.emplace_back("PHOENIXFLIGHT_APP", setup_.app->name);
  start.env.emplace_back("PHOENIXFLIGHT_AGENT", process.id);
  if (!setup_.token.empty()) start.env.emplace_back("PHOENIX_TOKEN", setup_.token);
  if (!setup_.tls_ca.empty()) start.env.emplace_back("PHOENIX_CA_FILE", setup_.tls_ca);
  start.out = pipe->write.get();
  start.err = log.get();
  process.started = demo::clock_now();
  process.registered = false;
  process.partial.clear();
  const auto pid =
      processes_.start(start, [this, &process](int status) { ended(process, status); });
  if (!pid) {
    process.over = true;
    process.given_up = pid.error().detail;
    return;
  }
  process.pid = *pid;
  process.reader = std::make_unique<demo::PipeReader>(
      loop_, std::move(pipe->read),
      [this, &process](std::string_view part) { take(process, part); }, [] {});
}

void Agents::take(Process& process, std::string_view part) {
  process.partial.append(part);
  size_t at = 0;
  for (size_t end = 0; (end = process.partial.find('\n', at)) != std::string::npos; at = end + 1) {
    const auto news = demo::parse_news(std::string_view(process.partial).substr(at, end - at));
    if (!news) continue;
    if (news->event == "registered" || news->event == "attached") process.registered = true;
    if (news->event == "lapsed") process.registered = false;
    events_.news(process.id, *news);
  }
  process.partial.erase(0, at);
}

void Agents::ended(Process& process, int status) {
  if (process.reader) process.reader->read();  // its last words
  process.reader.reset();
  process.pid = 0;
  process.registered = false;
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == kExitDone;
  const manifest::Restart policy =
      process.agent->exec ? process.agent->exec->restart : manifest::Restart::kAlways;
  if (stopping_) {
    process.over = true;
    return look_if_all_ended();
  }
  const bool replaced = WIFEXITED(status) && WEXITSTATUS(status) == kExitConflict;
  const bool quick = demo::clock_now() - process.started < kSoundLife;
  process.quick_ends = quick ? process.quick_ends + 1 : 1;
  const bool hopeless = !well && WIFEXITED(status) && process.quick_ends >= kQuickEnds;
  const bool stays_down =
      policy == manifest::Restart::kNever || (well && policy == manifest::Restart::kOnFailure);
  if (replaced || hopeless || stays_down) {
    process.over = true;
    if (replaced) process.given_up = "another process took its id";
    if (hopeless) process.given_up = "does not start: " + last_line(process);
    events_.say(fmt::format("agent {} ended ({}){}{}", process.id, how(status),
                            process.given_up.empty() ? "" : ": ", process.given_up));
    return;
  }
  again(process);
  events_.say(fmt::format("agent {} ended ({}), starting it again", process.id, how(status)));
}

void Agents::again(Process& process) {
  const int64_t first = process.agent->exec ? process.agent->exec->backoff_ms : 1'000;
  const int doublings = std::min(process.quick_ends - 1, 16);
  const Duration wait = std::min(milliseconds(first) * (int64_t{1} << doublings), kLongestBackoff);
  process.again.call_after(wait, [this, &process] {
    if (!stopping_) start(process);
  });
}

void Agents::stop() {
  stopping_ = true;
  for (const auto& process : all_) {
    process->again.cancel();
    if (process->pid != 0) processes_.signal(process->pid, SIGTERM);
  }
  loop_.post([this] { look_if_all_ended(); });
}

void Agents::kill() {
  for (const auto& process : all_) {
    if (process->pid != 0) processes_.signal(process->pid, SIGKILL);
  }
}

std::vector<Agents::Standing> Agents::standing() const {
  std::vector<Standing> out;
  for (const auto& each : all_) {
    if (each->registered && each->pid != 0) out.push_back({each->agent->ns, each->id});
  }
  return out;
}

void Agents::replace(const std::string& id) {
  for (const auto& each : all_) {
    if (each->id != id || each->pid == 0) continue;
    each->registered = false;
    processes_.signal(each->pid, SIGKILL);
  }
}

void Agents::look_if_all_ended() {
  const bool none =
      std::all_of(all_.begin(), all_.end(), [](const auto& process) { return process->pid == 0; });
  if (!none || !events_.all_ended) return;
  const std::function<void()> all_ended = std::exchange(events_.all_ended, nullptr);
  all_ended();
}

size_t Agents::registered() const {
  return static_cast<size_t>(
      std::count_if(all_.begin(), all_.end(), [](const auto& each) { return each->registered; }));
}

bool Agents::settled() const {
  return std::all_of(all_.begin(), all_.end(),
                     [](const auto& each) { return each->registered || each->over; });
}

std::vector<std::string> Agents::given_up() const {
  std::vector<std::string> out;
  for (const auto& each : all_) {
    if (!each->given_up.empty()) out.push_back(each->id + " " + each->given_up);
  }
  return out;
}

std::string Agents::last_line(const Process& process) const {
  std::ifstream log(setup_.logs + "/" + process.id + ".log");
  std::string last;
  for (std::string line; std::getline(log, line);) {
    // That it left tells nobody why.
    if (!line.empty() && line != process.id + " has left") last = std::move(line);
  }
  return last.empty() ? "it says nothing" : last;
}

}  // namespace phoenix::apps
