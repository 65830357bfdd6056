#include "cli/worker/worker_main.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>

#include "cli/worker/guard/child.h"
#include "cli/worker/guard/guardian.h"
#include "cli/worker/guard/process_tree.h"
#include "cli/worker/worker_core.h"
#include "cli/worker/worker_key.h"
#include "client/async_client.h"
#include "client/http_client.h"
#include "client/json_text.h"
#include "client/problem.h"

namespace phoenix::worker {
namespace {

Instant boottime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant{now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

WallMs wall_ms() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// The saved token belongs to a registration of that very kind; another one begins anew.
std::string fingerprint(const WorkerOptions& options) {
  std::string out = options.ns + "/" + options.id + " " + options.kind + " " +
                    std::to_string(options.weight) + " " + std::to_string(options.max_load) + " " +
                    std::to_string(options.lease.ns);
  for (const std::string& capability : options.capabilities) out += " " + capability;
  for (const std::string& word : options.compliance) out += " c:" + word;
  for (const auto& [key, value] : options.labels) out += " " + key + "=" + value;
  if (options.key) out += " " + options.key->id();
  if (!options.trust_score.empty()) out += " trust " + options.trust_score;
  if (!options.reliability.empty()) out += " reliability " + options.reliability;
  return out;
}

std::string load_token(const WorkerOptions& options) {
  if (options.state_file.empty()) return {};
  std::ifstream file(options.state_file, std::ios::binary);
  std::string owner;
  std::string token;
  if (!std::getline(file, owner) || !std::getline(file, token)) return {};
  return owner == fingerprint(options) ? token : std::string();
}

bool save_token(const WorkerOptions& options, const std::string& token) {
  if (options.state_file.empty()) return true;
  const std::string temporary = options.state_file + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const std::string text = fingerprint(options) + "\n" + token + "\n";
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return written && rename(temporary.c_str(), options.state_file.c_str()) == 0;
}

// Carries out what the core asks for and tells it what came of it.
class Driver {
 public:
  Driver(const WorkerOptions& options, EventLoop& loop, AsyncClient& client, Guardian& guardian,
         const std::string& scratch)
      : options_(options),
        client_(client),
        guardian_(guardian),
        loop_(loop),
        timer_(loop),
        core_(options, random_idempotency_key()),
        children_(loop, guardian, options, scratch, child_events()) {}

  int run() {
    loop_.post([this] {
      core_.start(boottime(), load_token(options_));
      carry_out();
    });
    const auto signals = loop_.on_signals({SIGTERM, SIGINT}, [this](int) {
      core_.stop_requested(boottime());
      carry_out();
    });
    if (!signals) {
      std::fprintf(stderr, "%s\n", signals.error().detail.c_str());
      return 1;
    }
    while (!exit_code_) loop_.run();
    return *exit_code_;
  }

 private:
  ChildEvents child_events();
  void carry_out();
  void obey(const Action& action);
  void open_stream(const OpenStream& open);
  void say(const Say& say) const;
  static void tell(const Tell& tell);
  // Before news from the host: without its own check, a worker that was frozen sends what its
  // runs came to before it hears that they are no longer wanted.
  void before_news() {
    core_.tell_time(wall_ms());
    if (options_.no_self_check && !exit_code_) children_.look();
  }

  const WorkerOptions& options_;
  AsyncClient& client_;
  Guardian& guardian_;
  EventLoop& loop_;
  Timer timer_;
  WorkerCore core_;
  Children children_;
  uint64_t stream_ = 0;
  bool carrying_out_ = false;
  std::optional<int> exit_code_;
};

ChildEvents Driver::child_events() {
  ChildEvents events;
  events.ended = [this](uint64_t run, const RunEnd& end) {
    core_.tell_time(wall_ms());
    core_.run_ended(boottime(), run, end);
    carry_out();
  };
  events.not_started = [this](uint64_t run, bool for_good, std::string_view why) {
    core_.run_not_started(boottime(), run, for_good, why);
    carry_out();
  };
  events.checkpoint = [this](uint64_t run, std::string_view content) {
    core_.checkpoint_written(boottime(), run, content, wall_ms());
    carry_out();
  };
  events.guardian_lost = [this] {
    obey(Say{SayLevel::kError, "the guardian process is gone, nothing can be run safely"});
    obey(Finish{1});
  };
  return events;
}

void Driver::carry_out() {
  // What an action causes at once comes back through the loop, so this does not nest; a callback
  // that did would only find its actions taken by the outer turn.
  if (carrying_out_) return;
  carrying_out_ = true;
  for (Actions actions = core_.take_actions(); !actions.empty(); actions = core_.take_actions()) {
    for (const Action& action : actions) {
      if (!exit_code_) obey(action);
    }
  }
  carrying_out_ = false;
  const Instant next = core_.next_deadline();
  if (exit_code_ || next == kNever) {
    timer_.cancel();
    return;
  }
  timer_.call_after(next - boottime(), [this] {
    core_.tell_time(wall_ms());
    core_.tick(boottime());
    carry_out();
  });
}

void Driver::obey(const Action& action) {
  if (const auto* make = std::get_if<MakeCall>(&action)) {
    const std::string line = make->call.method + " " + make->call.target;
    client_.call(make->id, make->call, [this, id = make->id, line](const CallResult& result) {
      obey(Say{SayLevel::kCall,
               line + ": " + (result ? std::to_string(result->status) : result.error().detail)});
      before_news();
      core_.call_answered(boottime(), id, result);
      carry_out();
    });
  } else if (const auto* cancel = std::get_if<CancelCall>(&action)) {
    client_.cancel(cancel->id);
  } else if (const auto* open = std::get_if<OpenStream>(&action)) {
    open_stream(*open);
  } else if (std::holds_alternative<CloseStream>(action)) {
    client_.cancel(stream_);
  } else if (const auto* start = std::get_if<StartRun>(&action)) {
    children_.start(start->run, start->input);
  } else if (const auto* fresh = std::get_if<WriteTicket>(&action)) {
    children_.write_ticket(fresh->run, fresh->content);
  } else if (const auto* signal = std::get_if<SignalRun>(&action)) {
    children_.signal(signal->run, signal->kill);
  } else if (const auto* hold = std::get_if<HoldLease>(&action)) {
    guardian_.hold(hold->end);
  } else if (const auto* save = std::get_if<SaveToken>(&action)) {
    if (!save_token(options_, save->token)) {
      obey(Say{SayLevel::kError, "the state file " + options_.state_file +
                                     " cannot be written: " + std::strerror(errno)});
    }
  } else if (const auto* line = std::get_if<Say>(&action)) {
    say(*line);
  } else if (const auto* news = std::get_if<Tell>(&action)) {
    tell(*news);
  } else if (const auto* finish = std::get_if<Finish>(&action)) {
    exit_code_ = finish->exit_code;
    loop_.stop();
  }
}

StreamEnd end_of(const CallFailure& failure) {
  if (nobody_listens(failure)) return StreamEnd::kNobody;
  return failure.fault == CallFault::kReset ? StreamEnd::kBroken : StreamEnd::kSilent;
}

void Driver::open_stream(const OpenStream& open) {
  client_.cancel(stream_);
  stream_ = open.id;
  AsyncClient::StreamSink sink;
  sink.opened = [this, id = open.id] {
    core_.stream_opened(boottime(), id);
    carry_out();
  };
  sink.event = [this, id = open.id](const SseEvent& event) {
    obey(Say{SayLevel::kCall, "stream: " + event.type + " " + event.id});
    before_news();
    core_.stream_event(boottime(), id, event.type, event.id, event.data);
    carry_out();
  };
  sink.refused = [this, id = open.id](const Answer& answer) {
    before_news();
    core_.stream_closed(boottime(), id, &answer, StreamEnd::kBroken);
    carry_out();
  };
  sink.broken = [this, id = open.id](const CallFailure& failure) {
    before_news();
    core_.stream_closed(boottime(), id, nullptr, end_of(failure));
    carry_out();
  };
  client_.open_stream(open.id, open.call, std::move(sink));
}

void Driver::say(const Say& say) const {
  if (static_cast<int>(say.level) > options_.verbosity) return;
  std::fprintf(stderr, "%s\n", say.text.c_str());
}

void Driver::tell(const Tell& tell) {
  std::string line = "{\"event\":" + quote_json(tell.event);
  if (!tell.packet.empty()) {
    line += ",\"packet\":" + quote_json(tell.packet) + ",\"epoch\":" + std::to_string(tell.epoch);
  }
  if (!tell.detail.empty()) line += ",\"detail\":" + quote_json(tell.detail);
  line += "}\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

std::string default_id() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) name[0] = '\0';
  std::string id;
  for (const char* c = name.data(); *c != '\0' && id.size() < 100; ++c) {
    const bool plain = std::isalnum(static_cast<unsigned char>(*c)) != 0;
    id.push_back(plain || (!id.empty() && (*c == '.' || *c == '_')) ? *c : '-');
  }
  if (id.empty() || id.front() == '-') id.insert(0, "worker");
  return id + "-" + std::to_string(getpid());
}

int refuse(const std::string& text, int code) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return code;
}

int run(const WorkerOptions& given) {
  WorkerOptions options = given;
  if (options.id.empty()) options.id = default_id();
  if (options.command.empty()) return refuse("no command to run: give it after --", 2);
  if (!options.no_key) {
    const std::string ns = options.ns.empty() ? "default" : options.ns;
    auto key = take_worker_key(options.data_dir, ns + "/" + options.id);
    if (!key) return refuse(key.error().detail, 1);
    options.key = *std::move(key);
  }
  if (!options.dir.empty() && chdir(options.dir.c_str()) != 0) {
    return refuse("CMD's folder " + options.dir + ": " + std::strerror(errno), 1);
  }
  const char* base = std::getenv("TMPDIR");
  std::string scratch =
      std::string(base == nullptr || *base == '\0' ? "/tmp" : base) + "/phoenix-worker-XXXXXX";
  // Should even the guardian be killed, what was below it comes to us, and goes with us.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (mkdtemp(scratch.data()) == nullptr) {
    return refuse(
        "no folder for CMD's files can be made at " + scratch + ": " + std::strerror(errno), 1);
  }
  auto guardian = Guardian::start(options.command, scratch);
  if (!guardian) return refuse(guardian.error().detail, 1);
  EventLoop loop;
  ClientOptions client_options;
  client_options.urls = options.urls;
  client_options.tls_ca = options.tls_ca;
  client_options.timeout = options.request_timeout;
  auto client = AsyncClient::create(loop, std::move(client_options));
  if (!client) return refuse(client.error().detail, 2);
  int code = 0;
  {
    Driver driver(options, loop, **client, **guardian, scratch);
    code = driver.run();
    // No callback into the driver may be left behind.
    client->reset();
  }
  if ((*guardian)->lost()) kill_descendants([](void*, pid_t, int) {}, nullptr);
  guardian->reset();
  return code;
}

}  // namespace
}  // namespace phoenix::worker

namespace phoenix {

int run_worker(const WorkerOptions& options) { return worker::run(options); }

}  // namespace phoenix
