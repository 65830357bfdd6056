#include "cli/demo/conductor.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "cli/table.h"
#include "client/http_client.h"
#include "client/json_text.h"

namespace phoenix::demo {
namespace {

constexpr Duration kTick = milliseconds(50);
constexpr Duration kLoadSample = milliseconds(100);
constexpr Duration kLease = seconds(2);
constexpr Duration kStallLimit = seconds(60);
constexpr Duration kStopLimit = seconds(5);
constexpr Duration kAuditLimit = seconds(60);
constexpr uint64_t kWindowPerWorker = 32;
// Beyond what was asked for, while the hits are not complete.
constexpr std::size_t kMaxDifferences = 5;
constexpr std::size_t kClip = 300;
constexpr uint64_t kMaxExtra = 10'000;

double real(const JsonText& json) { return std::strtod(std::string(json.raw()).c_str(), nullptr); }

void append_values(const JsonText& figure, std::vector<double>& out) {
  for (const JsonText& value : figure["values"].items()) out.push_back(real(value));
}

uint64_t whole(const JsonText& json) { return static_cast<uint64_t>(json.integer().value_or(0)); }

// One line of it, for people.
std::string clipped(const std::string& text) {
  return cli::harmless(text.size() <= kClip ? text : text.substr(0, kClip) + "...");
}

}  // namespace

Conductor::Conductor(EventLoop& loop, Processes& processes, const DemoOptions& options,
                     const std::vector<InputFile>& files, std::string scratch, std::string tag)
    : loop_(loop),
      processes_(processes),
      options_(options),
      files_(files),
      scratch_(scratch),
      tag_(std::move(tag)),
      lease_(kLease),
      plan_(options.seed),
      hosts_(loop, processes,
             {static_cast<std::size_t>(options.hosts), options.store,
              options.data_dir.empty() ? scratch + "/data" : options.data_dir, scratch},
             {[this](std::size_t i) { host_up(i); },
              [this](std::string why) { fault(std::move(why)); }}),
      direct_(loop, processes, files, [this](std::string why) { fault(std::move(why)); }),
      audit_(loop, processes),
      ticker_(loop),
      churn_timer_(loop),
      load_timer_(loop),
      stop_timer_(loop),
      thaw_timer_(loop) {
  Fleet::Events events;
  events.news = [this](Worker& worker, const WorkerNews& news) { worker_news(worker, news); };
  events.ended = [this](Worker& worker, int status) { worker_ended(worker, status); };
  events.fault = [this](std::string why) { fault(std::move(why)); };
  Fleet::Setup setup;
  setup.scratch = std::move(scratch);
  setup.lease = lease_;
  fleet_ = std::make_unique<Fleet>(loop, processes, std::move(setup), std::move(events));
  figures_.seed = options.seed;
  figures_.files = files.size();
  figures_.workers = static_cast<uint64_t>(options.workers);
  figures_.hosts = static_cast<uint64_t>(options.hosts);
  if (options.hosts > 1) {
    strikes_ =
        host_strikes(options.seed, options.kill_host, static_cast<std::size_t>(options.hosts));
  }
  figures_.command = fmt::format(
      "phoenix demo --seed {} --packets {} --workers {} --churn {}ms --kill-host {}", options.seed,
      options.packets, options.workers, options.churn.ms(), options.kill_host);
  if (options.hosts > 1) figures_.command += fmt::format(" --hosts {}", options.hosts);
}

void Conductor::start() {
  began_ = work_began_ = last_end_ = last_progress_ = clock_now();
  hosts_.start();
  tick();
}

// With -v: what is done, as it happens.
void Conductor::note(const std::string& text) const {
  if (!options_.verbose) return;
  fmt::print(stderr, "{:8.3f} s  {}\n", static_cast<double>((clock_now() - began_).ns) / 1e9, text);
}

void Conductor::host_up(std::size_t i) {
  note(fmt::format("the host {} serves at {}", hosts_.host(i).name(), hosts_.host(i).url()));
  killing_host_ = false;
  last_progress_ = clock_now();
  if (!calls_ && hosts_.all_up()) talk_to_hosts();
}

void Conductor::talk_to_hosts() {
  auto calls = HostCalls::create(loop_, hosts_.urls());
  if (!calls) return fault(calls.error().detail);
  calls_ = std::move(*calls);
  fleet_->use_urls(hosts_.urls());
  Call call;
  call.target = "/v1/packets?limit=1";
  calls_->insist(std::move(call), [this](const Answer& answer) {
    const auto json = JsonText::parse(answer.body);
    if (!answer.ok() || !json) return fault("the host does not list packets: " + answer.body);
    const JsonText as_of = (*json)["asOf"];  // a number, or a text where hosts share a store
    Follower::Events events;
    events.packet = [this](const PacketEvent& event) { packet_changed(event); };
    events.fault = [this](std::string why) { fault(std::move(why)); };
    follower_ = std::make_unique<Follower>(
        loop_, *calls_, ledger_, tag_, std::string(as_of.is_string() ? as_of.text() : as_of.raw()),
        std::move(events));
    follower_->follow();
  });
  Submitter::Setup setup{files_, tag_,
                         static_cast<int>(std::min<int64_t>(options_.workers, kSkills)),
                         kWindowPerWorker * static_cast<uint64_t>(options_.workers)};
  submitter_ = std::make_unique<Submitter>(loop_, *calls_, std::move(setup),
                                           [this](std::string why) { fault(std::move(why)); });
  for (int64_t i = 0; i < options_.workers; ++i) {
    fleet_->start(worker_kind(i), i % 2 == 1);
  }
}

// All workers are there: now the clock of the figures runs.
void Conductor::begin_work() {
  stage_ = Stage::kRunning;
  work_began_ = last_end_ = last_progress_ = clock_now();
  churn_timer_.call_after(options_.churn, [this] { churn(); });
  sample_load();
}

void Conductor::tick() {
  ticker_.call_after(kTick, [this] { tick(); });
  if (stage_ == Stage::kClosing) return;
  if (clock_now() - last_progress_ > kStallLimit) {
    return fault(fmt::format("nothing went on for {} s", kStallLimit.ms() / 1000));
  }
  if (stage_ == Stage::kStarting) {
    const auto& workers = fleet_->workers();
    const bool all = std::all_of(workers.begin(), workers.end(),
                                 [](const auto& entry) { return entry.second.registered; });
    if (follower_ && !workers.empty() && all) begin_work();
    return;
  }
  const auto asked = static_cast<uint64_t>(options_.packets);
  const uint64_t total =
      wants_more() ? std::min(submitter_->asked() + 64, asked + kMaxExtra) : asked;
  submitter_->pump(std::max(total, asked), ledger_.ended());
  watch_frozen();
  hit_hosts();
  if (complete()) close();
}

// An answer to a submit may come after the events of its packets.
uint64_t Conductor::live() const {
  return submitter_->acknowledged() - std::min(submitter_->acknowledged(), ledger_.ended());
}

// Every frozen worker has come back, and both kinds of them have shown what they are there for: a
// late result was refused, and one stopped by its own lease check.
bool Conductor::frozen_have_shown() const {
  return figures_.frozen == figures_.frozen_back && figures_.late_writes_refused > 0 &&
         figures_.self_stopped > 0;
}

// Packets are needed for the hits that are still to come.
bool Conductor::wants_more() const {
  const bool more_hits = !plan_.satisfied() || struck_ < strikes_.size() ||
                         (figures_.frozen == figures_.frozen_back && !frozen_have_shown());
  return submitter_->asked() >= static_cast<uint64_t>(options_.packets) && more_hits &&
         live() < 8 * static_cast<uint64_t>(options_.workers);
}

bool Conductor::complete() const {
  return submitter_->acknowledged() >= static_cast<uint64_t>(options_.packets) &&
         submitter_->acknowledged() == submitter_->asked() &&
         ledger_.ended() == submitter_->acknowledged() && plan_.satisfied() && !hitting_ &&
         frozen_have_shown() && figures_.host_kills == static_cast<uint64_t>(options_.kill_host) &&
         !killing_host_ && struck_ == strikes_.size() && comparing_ == 0;
}

// The run is spoilt; what was measured is still shown.
void Conductor::fault(std::string text) {
  figures_.faults.push_back(std::move(text));
  if (stage_ != Stage::kClosing) close();
}

void Conductor::sample_load() {
  load_timer_.call_after(kLoadSample, [this] { sample_load(); });
  if (stage_ != Stage::kRunning) return;
  calls_->get_once("/v1/dma", [this](const CallResult& result) {
    const auto json = result && result->ok() ? JsonText::parse(result->body) : std::nullopt;
    if (!json) {
      load_stddev_.interrupt();
      load_max_over_mean_.interrupt();
      return;
    }
    const Instant now = clock_now();
    const JsonText load = (*json)["load"];
    load_stddev_.add(now, real(load["stddev"]));
    // While nobody holds anything there is no such ratio.
    const double ratio = real(load["maxOverMean"]);
    if (ratio > 0) {
      load_max_over_mean_.add(now, ratio);
    } else {
      load_max_over_mean_.interrupt();
    }
  });
}

void Conductor::packet_changed(const PacketEvent& event) {
  last_progress_ = clock_now();
  if (event.event != "completed") return;
  last_end_ = last_progress_;
  compare(event.id);
}

void Conductor::compare(const std::string& packet) {
  ++comparing_;
  Call call;
  call.target = "/v1/packets/" + url_encode(packet) + "/result";
  calls_->insist(std::move(call), [this, packet](const Answer& answer) {
    // The bare value: text that is UTF-8 is a JSON string.
    const auto json = JsonText::parse(answer.body);
    const std::string got = json && json->is_string() ? json->text() : answer.body;
    const Task task = submitter_->task(*packet_number(packet, tag_));
    direct_.expected(
        task, [this, packet, got, status = answer.status](const std::string& expected) {
          --comparing_;
          if (status == 200 && got == expected) return;
          ++figures_.mismatched;
          if (figures_.differences.size() >= kMaxDifferences) return;
          figures_.differences.push_back(fmt::format("{}: {} \"{}\", but directly \"{}\"", packet,
                                                     status, clipped(got), clipped(expected)));
        });
  });
}

// --- the end ---

void Conductor::close() {
  stage_ = Stage::kClosing;
  churn_timer_.cancel();
  load_timer_.cancel();
  figures_.seconds = static_cast<double>((last_end_ - work_began_).ns) / 1e9;
  if (!calls_ || !submitter_ || !hosts_.all_up()) return finish();
  // Should the host answer no more, what is known is shown.
  stop_timer_.call_after(seconds(20), [this] {
    figures_.faults.emplace_back("the host does not answer at the end");
    finish();
  });
  // In a run that was broken off more are on their way.
  acknowledged_ = submitter_->acknowledged();
  check_packets("");
}

// Every packet once more, as the host has it now.
void Conductor::check_packets(const std::string& cursor) {
  Call call;
  call.target = "/v1/packets?order=asc&limit=1000&label=" + url_encode("demo=" + tag_) +
                (cursor.empty() ? "" : "&cursor=" + cursor);
  calls_->insist(std::move(call), [this](const Answer& answer) {
    const auto json = JsonText::parse(answer.body);
    if (!answer.ok() || !json) {
      figures_.faults.push_back("the packets cannot be listed: " + answer.body.substr(0, 500));
      return read_last_figures(0);
    }
    for (const JsonText& item : (*json)["items"].items()) {
      const std::string id = item["id"].text();
      listed_.insert(id);
      if (whole(item["revision"]) != ledger_.revision(id)) ++figures_.broken_sequences;
    }
    const std::string next = (*json)["nextCursor"].text();
    if (!next.empty()) return check_packets(next);
    all_listed_ = true;
    read_last_figures(0);
  });
}

// Counts and times of one life of the host.
void Conductor::take_host_figures(const std::string& body) {
  const auto json = JsonText::parse(body);
  if (!json) return;
  figures_.stale_refusals +=
      whole((*json)["staleEpochRejections"]) + whole((*json)["notOwnerRejections"]);
  append_values((*json)["handoffMs"], handoffs_ms_);
  append_values((*json)["ownershipGapMs"], gaps_ms_);
}

void Conductor::read_last_figures(std::size_t host) {
  if (host == hosts_.size()) return take_audit();
  Call call;
  call.target = "/v1/dma?values=true";
  call.url = hosts_.host(host).url();
  calls_->insist(std::move(call), [this, host](const Answer& answer) {
    take_host_figures(answer.body);
    read_last_figures(host + 1);
  });
}

// What the hosts have recorded has to convince whoever has never seen them.
void Conductor::take_audit() {
  const std::string folder = options_.audit_dir.empty() ? scratch_ + "/audit" : options_.audit_dir;
  stop_timer_.call_after(kAuditLimit, [this] {
    figures_.faults.emplace_back("what was recorded is not verified in time");
    finish();
  });
  audit_.start(hosts_.host(0).url(), folder,
               [this](const Result<std::string>& report) { audited(report); });
}

void Conductor::audited(const Result<std::string>& report) {
  stop_timer_.cancel();
  const auto json = report ? JsonText::parse(*report) : std::nullopt;
  if (json) {
    AuditFigures& audit = figures_.audit.emplace();
    audit.entries = whole((*json)["entries"]);
    audit.results = whole((*json)["resultsSigned"]);
    audit.unsigned_results = whole((*json)["resultsUnsigned"]);
    audit.handoffs = whole((*json)["handoffsSigned"]);
    audit.unsigned_handoffs = whole((*json)["handoffsUnsigned"]);
    audit.certificates = whole((*json)["drainCertificates"]);
    if (!options_.audit_dir.empty()) audit.command = verify_command(options_.audit_dir);
  } else {
    figures_.faults.push_back(report ? "the verifier says " + *report : report.error().detail);
  }
  stop_workers();
}

void Conductor::stop_workers() {
  for (auto& [id, worker] : fleet_->workers()) {
    fleet_->signal(worker, SIGCONT);
    fleet_->signal(worker, SIGTERM);
  }
  stop_timer_.call_after(kStopLimit, [this] {
    for (auto& [id, worker] : fleet_->workers()) fleet_->signal(worker, SIGKILL);
    stop_host();
  });
  if (fleet_->workers().empty()) stop_host();
}

void Conductor::stop_host() {
  stop_timer_.cancel();
  if (options_.keep && figures_.faults.empty()) return finish();
  hosts_.stop([this] { finish(); });
}

void Conductor::finish() {
  stop_timer_.cancel();
  ticker_.cancel();
  figures_.submitted = submitter_ ? submitter_->acknowledged() : 0;
  figures_.completed = ledger_.completed();
  figures_.failed = ledger_.failed();
  if (all_listed_) {
    figures_.lost = acknowledged_ - std::min<uint64_t>(acknowledged_, listed_.size());
  }
  figures_.completed_twice = ledger_.accepted_twice();
  for (int i = 0; i < kCauses; ++i) {
    figures_.owner_changes[static_cast<size_t>(i)] = ledger_.owner_changes(static_cast<Cause>(i));
  }
  figures_.broken_sequences += ledger_.broken_sequences();
  figures_.runs = runs_.begun();
  figures_.reexecutions = runs_.in_vain(ledger_);
  figures_.wasted_work = runs_.wasted_share(ledger_);
  figures_.recovery_ms = quantiles(runs_.recovery_ms(ledger_));
  figures_.moved = ledger_.moved();
  const std::vector<Move> needless = ledger_.needless();
  for (const Move& move : needless) {
    note(fmt::format("needlessly moved: {} {} ({}) from {} to {} at {}, granted at {}", move.packet,
                     move.event, move.reason, move.from, move.to, move.at, move.granted_at));
  }
  figures_.turned_away = ledger_.turned_away();
  figures_.placements = ledger_.placements();
  figures_.had_to_move = figures_.moved - needless.size();
  figures_.handoff_ms = quantiles(handoffs_ms_);
  figures_.ownership_gap_ms = quantiles(gaps_ms_);
  figures_.load_stddev = load_stddev_.mean();
  figures_.load_max_over_mean = load_max_over_mean_.mean();
  figures_.workers_started = fleet_->started();
  for (int i = 0; i < kHits; ++i) {
    figures_.hits[static_cast<size_t>(i)] = plan_.counted(static_cast<Hit>(i));
  }
  loop_.stop();
}

std::string Conductor::progress() const {
  if (stage_ == Stage::kStarting) {
    return hosts_.size() == 1 ? "starting the host and the workers"
                              : "starting the store, the hosts and the workers";
  }
  if (stage_ == Stage::kClosing) return "closing: looks at every packet once more";
  const double passed = static_cast<double>((clock_now() - work_began_).ns) / 1e9;
  const auto asked =
      std::max<uint64_t>(static_cast<uint64_t>(options_.packets), submitter_->asked());
  std::string out =
      fmt::format("{:5.1f} s  {}/{} done  {} live  killed {} frozen {} drained {}", passed,
                  ledger_.completed(), asked, live(), plan_.counted(Hit::kKill),
                  plan_.counted(Hit::kFreeze), plan_.counted(Hit::kDrain));
  if (!strikes_.empty()) {
    out += fmt::format("  hosts hit {}", struck_);
  } else if (options_.kill_host > 0) {
    out += fmt::format("  host killed {}", figures_.host_kills);
  }
  if (ledger_.completed() == asked && comparing_ > 0)
    out += fmt::format("  compares {}", comparing_);
  return out;
}

}  // namespace phoenix::demo
