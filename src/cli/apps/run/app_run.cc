#include "cli/apps/run/app_run.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/apps/app_documents.h"
#include "cli/apps/app_members.h"
#include "cli/packets/packet_view.h"

namespace phoenix::apps {
namespace {

using cli::Failure;
using cli::Json;
using cli::Target;

constexpr Duration kTick = milliseconds(200);
constexpr int kRegisterTicks = 25;  // how long packets wait for the agents
constexpr int kStillTicks = 10;
constexpr Duration kDrain = seconds(25);
constexpr Duration kDrainSlack = seconds(5);
constexpr size_t kRows = 15;
constexpr size_t kResults = 50;
constexpr int kNewNames = 10'000;

bool make_folder(const std::string& path) {
  return mkdir(path.c_str(), 0700) == 0 || errno == EEXIST;
}

}  // namespace

AppRun::AppRun(EventLoop& loop, demo::Processes& processes, cli::Context& context,
               manifest::App app, RunOptions options)
    : loop_(loop),
      processes_(processes),
      context_(context),
      app_(std::move(app)),
      options_(std::move(options)),
      data_(options_.data.empty() ? app_.folder + "/.phoenixflight" : options_.data),
      ticker_(loop),
      drain_limit_(loop) {}

void AppRun::start() {
  started_ = demo::clock_now();
  if (!make_folder(data_) || !make_folder(data_ + "/logs")) {
    return fail({kExitFailed, "cannot run the app",
                 fmt::format("{}: {}", data_, std::strerror(errno)), "", ""});
  }
  cli::AppHost given(context_.globals, "", &context_.out);
  cli::Api& api = given.in(app_.ns);
  const auto reply = api.get_any("cannot run the app", Target({"version"}));
  if (reply) return host_is_up(api.url(), false);
  if (reply.error().exit_code != kExitNoHost) return fail(reply.error());
  start_host();
}

void AppRun::start_host() {
  say("no host answers: starting one here, data in " + data_);
  demo::HostProcess::Setup setup;
  setup.name = app_.name;
  setup.data = data_;
  setup.log = data_ + "/logs/host.log";
  setup.flags = [] { return std::vector<std::string>{"--peer", "127.0.0.1:0"}; };
  demo::HostProcess::Events events;
  events.up = [this] { host_is_up(host_process_->url(), true); };
  events.failed = [this](const std::string& why) {
    fail({kExitFailed, "the host does not run", why, "its log: " + data_ + "/logs/host.log", ""});
  };
  host_process_ =
      std::make_unique<demo::HostProcess>(loop_, processes_, std::move(setup), std::move(events));
  host_process_->start();
}

void AppRun::host_is_up(const std::string& url, bool ours) {
  if (phase_ != Phase::kStarting) return;
  url_ = url;
  say(fmt::format("{} at {}", ours ? "host is up" : "using the host", url));
  host_ = std::make_unique<cli::AppHost>(context_.globals, url, &context_.out);
  const auto options = host_->in(app_.ns).host_options();
  if (!options) return fail(options.error());
  // As they are before anybody works here: what the agents end from now on is of this run.
  if (!lay_down_rules() || !register_people() || !find_earlier()) return;
  Agents::Setup setup{&app_, url, options->token, options->tls_ca, data_ + "/logs"};
  Agents::Events events;
  events.say = [this](const std::string& line) { say(line); };
  events.news = [this](const std::string& id, const demo::WorkerNews& news) {
    if (news.event == "begins") board_.begins(news.packet, id);
  };
  events.all_ended = [this] {
    drain_limit_.cancel();
    if (host_process_ == nullptr) return loop_.stop();
    host_process_->stop([this] { loop_.stop(); });
  };
  agents_ = std::make_unique<Agents>(loop_, processes_, std::move(setup), std::move(events));
  agents_->start();
  phase_ = Phase::kRegistering;
  ticker_.call_after(kTick, [this] { tick(); });
}

// Before anybody registers: what the rules forbid never happens, not even at the start.
bool AppRun::lay_down_rules() {
  const auto changes = cli::apply_documents(*host_, app_, "cannot lay down the app's policies",
                                            {.prune = app_.declared});
  if (!changes) {
    fail(changes.error());
    return false;
  }
  for (const cli::Change& change : *changes) {
    say(fmt::format("{} {}: {}d", change.document, change.id, cli::verb_name(change.verb)));
  }
  return true;
}

// Who is no process is a member all the same, driven by hand; whoever lacks a command is told of.
bool AppRun::register_people() {
  for (const manifest::Agent& agent : app_.agents) {
    if (!cli::command_of(app_, agent).empty()) continue;
    if (agent.kind != "human") {
      say(fmt::format("agent {} has no command (exec) and is not started", agent.name));
      continue;
    }
    const Json member = cli::manual_member(app_, agent, agent.name);
    const auto made =
        host_->in(agent.ns).post("cannot register " + agent.name, Target({"members"}), member);
    if (!made && made.error().exit_code != kExitConflict) {
      fail(made.error());
      return false;
    }
    say(fmt::format("{} works by hand: phoenix packet complete PACKET --as {}", agent.name,
                    agent.name));
  }
  return true;
}

void AppRun::tick() {
  ++ticks_;
  if (phase_ == Phase::kEnding || phase_ == Phase::kKept) return;
  if (phase_ == Phase::kRegistering && (agents_->settled() || ticks_ >= kRegisterTicks)) submit();
  if (phase_ == Phase::kWorking) watch();
  if (phase_ == Phase::kEnding || phase_ == Phase::kKept) return;
  draw();
  ticker_.call_after(kTick, [this] { tick(); });
}

// The name, or NAME-r2 and so on: the first that no ended packet has.
void AppRun::choose_id(cli::AppPacket* packet) {
  const std::string name = packet->id;
  for (int i = 2; i < kNewNames; ++i) {
    const auto found = earlier_.find(packet->id);
    if (found == earlier_.end() || !found->second) return;
    packet->id = fmt::format("{}-r{}", name, i);
  }
}

// A packet that an earlier run ended is done anew under another id; one that it left is gone on
// with, unless it is declared otherwise now.
bool AppRun::find_earlier() {
  const auto there = cli::list_app_packets(*host_, app_);
  if (!there) {
    fail(there.error());
    return false;
  }
  for (const Json& packet : *there) {
    const bool ended = cli::packet_ended(packet);
    earlier_[packet["id"].text()] = ended;
    if (ended) board_.leave_out(packet["id"].text());
  }
  return true;
}

// What was left by an earlier run and is another packet now gives way to it.
bool AppRun::cancel_changed(cli::AppPacket* packet) {
  const std::string id = packet->id;
  Json body = Json::object();
  body.set("reason", Json::string("declared anew"));
  const auto done = host_->in(packet->declared->ns)
                        .post("cannot cancel " + id, Target({"packets", id, "cancel"}), body);
  const bool ended_before = !done && done.error().exit_code == kExitConflict;
  if (!done && !ended_before) {
    fail(done.error());
    return false;
  }
  say(fmt::format("{} of an earlier run is declared otherwise now: {}done anew", id,
                  ended_before ? "" : "canceled, and "));
  earlier_[id] = true;
  board_.leave_out(id);
  packet->id = packet->declared->replicas == 0
                   ? packet->declared->name
                   : id.substr(0, id.find("-r", packet->declared->name.size()));
  choose_id(packet);
  return true;
}

void AppRun::submit() {
  phase_ = Phase::kWorking;
  std::vector<cli::AppPacket> packets = cli::app_packets(app_);
  for (cli::AppPacket& packet : packets) choose_id(&packet);
  auto sent = cli::submit_all(*host_, app_, packets, [](size_t) {});
  if (!sent) return fail(sent.error());
  std::vector<cli::AppPacket> changed;
  for (const cli::Submitted& each : *sent) {
    const auto left = earlier_.find(each.packet.id);
    if (each.status == 409 && left != earlier_.end()) changed.push_back(each.packet);
  }
  std::erase_if(*sent, [&](const cli::Submitted& each) {
    return each.status == 409 && earlier_.contains(each.packet.id);
  });
  for (cli::AppPacket& packet : changed) {
    if (!cancel_changed(&packet)) return;
  }
  const auto again = cli::submit_all(*host_, app_, changed, [](size_t) {});
  if (!again) return fail(again.error());
  sent->insert(sent->end(), again->begin(), again->end());
  expect_all(*sent);
}

void AppRun::expect_all(const std::vector<cli::Submitted>& sent) {
  std::string refused;
  for (const cli::Submitted& each : sent) {
    if (each.status < 300) {
      board_.expect(each.packet.declared->ns, each.packet.id);
      continue;
    }
    refused += fmt::format("{}{} ({}): {}", refused.empty() ? "" : "\n", each.packet.id,
                           each.packet.declared->place.text(), each.problem);
  }
  if (refused.empty()) return;
  fail({kExitFailed, "the host refused packets of the app", refused, "", ""});
}

void AppRun::watch() {
  const auto listed = cli::list_app_packets(*host_, app_);
  if (!listed) return fail(listed.error());
  for (const std::string& line : board_.update(*listed)) {
    if (!context_.out.live()) say(line);
  }
  if (board_.all_ended()) {
    const auto& packets = board_.packets();
    const bool all = std::all_of(packets.begin(), packets.end(),
                                 [](const auto& each) { return each.second.completed(); });
    return finish(all ? kExitDone : kExitFailed);
  }
  const bool still = board_.nothing_moves() && agents_->settled();
  still_ticks_ = still ? still_ticks_ + 1 : 0;
  if (still_ticks_ >= kStillTicks && replace_hung()) still_ticks_ = 0;
  if (still_ticks_ >= kStillTicks) {
    std::string why;
    for (const std::string& line : agents_->given_up()) why += line + "\n";
    for (const std::string& line : why_stuck(app_, board_)) why += line + "\n";
    why.pop_back();
    context_.out.report({kExitFailed, "nothing that the app declares can go on", why,
                         "see also: phoenix --url " + url_ + " packet explain PACKET", ""});
    return finish(kExitFailed);
  }
  if (options_.timeout && started_ + *options_.timeout < demo::clock_now()) {
    context_.out.report(
        {kExitTimedOut, "the time ran out",
         fmt::format("{} of {} packets are over", board_.ended_count(), board_.packets().size()),
         "allow more with --timeout", ""});
    return finish(kExitTimedOut);
  }
}

// An agent whose process is there and silent, as one that was stopped, is what packets may wait
// for: the host has given it up, and it does not know. True: there was one, and it begins anew.
bool AppRun::replace_hung() {
  bool any = false;
  for (const Agents::Standing& agent : agents_->standing()) {
    const auto reply =
        host_->in(agent.ns).get("cannot look at " + agent.id, Target({"members", agent.id}));
    if (!reply || reply->json["status"].text() != "DETACHED") continue;
    say(fmt::format("agent {} lives and keeps silent: it is ended, and starts again", agent.id));
    agents_->replace(agent.id);
    any = true;
  }
  return any;
}

double AppRun::seconds_since_start() const {
  return static_cast<double>((demo::clock_now() - started_).ms()) / 1000;
}

// On a terminal, above the table that is drawn anew.
void AppRun::say(const std::string& line) {
  clear_table();
  context_.out.remark(line);
}

void AppRun::clear_table() {
  if (drawn_lines_ > 0) fmt::print(stderr, "\x1b[{}A\x1b[J", drawn_lines_);
  drawn_lines_ = 0;
}

void AppRun::draw() {
  if (!context_.out.live()) return;
  std::string text = fmt::format(
      "{}: {} of {} agents up, {} of {} packets over, {:.1f} s\n", app_.name, agents_->registered(),
      agents_->total(), board_.ended_count(), board_.packets().size(), seconds_since_start());
  if (!board_.packets().empty()) text += board_.table(kRows, context_.out.color());
  clear_table();
  fmt::print(stderr, "{}", text);
  drawn_lines_ = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

void AppRun::fetch_results() {
  size_t fetched = 0;
  for (auto& [id, packet] : board_.packets()) {
    if (++fetched > kResults) break;
    cli::Api& api = host_->in(packet.ns);
    if (packet.worker.empty()) {
      // Nobody saw who had it, so short a time it took.
      const auto history = api.get_any("cannot read a history", Target({"packets", id, "history"}));
      if (!history) continue;
      for (const Json& event : history->json["items"].items()) {
        if (!event["owner"].text().empty()) packet.worker = event["owner"].text();
      }
    }
    if (!packet.completed()) continue;
    const auto reply = api.get_any("cannot read a result", Target({"packets", id, "result"}));
    if (!reply || reply->status != 200) continue;
    packet.result = reply->json.is_string() ? reply->json.text() : reply->body;
  }
}

void AppRun::finish(int code) {
  fetch_results();
  clear_table();
  const double seconds = seconds_since_start();
  if (context_.out.format() == cli::Format::kName) {
    for (const auto& [id, packet] : board_.packets()) context_.out.print_line(id);
  } else {
    cli::print_answer(context_, summary_json(app_, board_, seconds), "",
                      summary_text(board_, seconds, context_.out.color()));
  }
  context_.out.finish();
  if (!options_.keep) return close(code);
  exit_code_ = code;
  phase_ = Phase::kKept;
  say(fmt::format("all stays up, at {}; Ctrl-C ends it", url_));
}

void AppRun::fail(const Failure& failure) {
  if (phase_ == Phase::kEnding) return;
  exit_code_ = context_.out.report(failure);
  close(exit_code_);
}

void AppRun::close(int code) {
  phase_ = Phase::kEnding;
  exit_code_ = code;
  ticker_.cancel();
  if (agents_ == nullptr) {
    if (host_process_ == nullptr) return loop_.post([this] { loop_.stop(); });
    return host_process_->stop([this] { loop_.stop(); });
  }
  const Duration drain = app_.drain_seconds ? seconds(*app_.drain_seconds) : kDrain;
  drain_limit_.call_after(drain + kDrainSlack, [this] { agents_->kill(); });
  agents_->stop();
}

void AppRun::interrupt() {
  if (interrupted_) {
    if (agents_ != nullptr) agents_->kill();
    loop_.stop();
    return;
  }
  interrupted_ = true;
  const bool kept = phase_ == Phase::kKept;
  if (!kept) say("draining; Ctrl-C again ends all at once");
  if (phase_ != Phase::kEnding) close(kept ? exit_code_ : kExitInterrupted);
}

}  // namespace phoenix::apps
