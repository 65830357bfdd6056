// Row 5: from a signal that stops a worker to the delivery of its packets to the next one. Real
// processes: `phoenix serve`, `phoenix worker start` whose command sleeps, and a member in here
// that polls and has room. It can do the work only from just before the signal on, so that all of
// it is in the workers' hands until then.

#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

#include "bench/child_process.h"
#include "bench/clock.h"
#include "bench/folder.h"
#include "bench/rows.h"
#include "client/http_client.h"

namespace phoenix::bench {
namespace {

constexpr size_t kWorkers = 4;
constexpr size_t kPacketsEach = 5;
constexpr int kLeaseSeconds = 3;

std::string_view text_after(std::string_view text, std::string_view before, size_t from = 0) {
  const size_t at = text.find(before, from);
  if (at == std::string_view::npos) return {};
  const size_t begin = at + before.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

Result<Client> client_for(const std::string& url) {
  ClientOptions options;
  options.urls = {url};
  return Client::create(options);
}

// Polls without a pause on a thread of its own and notes when each packet arrived.
class Survivor {
 public:
  Survivor(Client client, std::string token)
      : client_(std::move(client)), token_(std::move(token)), thread_([this] { run(); }) {}
  ~Survivor() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    thread_.join();
  }

  // When each of them came since `since`; fewer than `count` if they do not come within 20 s.
  std::vector<Duration> arrivals(size_t count, Duration since) {
    std::unique_lock lock(mutex_);
    const auto all = [&] { return came_.size() >= count; };
    arrived_.wait_for(lock, std::chrono::seconds(20), all);
    std::vector<Duration> times;
    for (const auto& [id, at] : came_) times.push_back(at - since);
    came_.clear();
    return times;
  }

 private:
  void run() {
    std::string after;
    for (;;) {
      Call call;
      call.target = "/v1/members/survivor/deliveries?max=1000&waitMs=500" +
                    (after.empty() ? "" : "&after=" + after);
      call.token = token_;
      const auto answer = client_.call(call);
      const Duration at = wall_clock();
      const std::lock_guard lock(mutex_);
      if (stop_ || !answer || !answer->ok()) return;
      const std::string_view body = answer->body;
      constexpr std::string_view kPacket = "\"packet\":{\"id\":\"";
      for (size_t i = body.find(kPacket); i != std::string_view::npos;
           i = body.find(kPacket, i + 1)) {
        came_.emplace(text_after(body, kPacket, i), at);
      }
      after = text_after(body, "\"next\":\"", body.rfind("\"revoked\""));
      arrived_.notify_one();
    }
  }

  Client client_;
  std::string token_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<std::string, Duration> came_;
  bool stop_ = false;
  std::thread thread_;
};

class Churn {
 public:
  Churn(const BenchOptions& options, std::string url, Client client)
      : options_(options), url_(std::move(url)), client_(std::move(client)) {}

  Result<bool> attach() {
    const auto answer = client_.post(
        "/v1/members", R"({"id":"survivor","capabilities":["none"],"maxLoad":1000000})");
    if (!answer || !answer->ok()) return fail(ErrorKind::kInternal, "cannot register a member");
    auto own = client_for(url_);
    if (!own) return tl::unexpected(own.error());
    survivor_ = std::make_unique<Survivor>(std::move(*own),
                                           std::string(text_after(answer->body, "\"token\":\"")));
    return true;
  }

  // Seconds from the signal to the next delivery, of each packet.
  Result<std::vector<double>> round(int signal) {
    const std::string kind = "kind-" + std::to_string(++rounds_);
    std::vector<std::unique_ptr<ChildProcess>> workers;
    for (size_t i = 0; i < kWorkers; ++i) {
      auto worker =
          ChildProcess::start({options_.program, "worker", "start", "--url", url_, "--id",
                               fmt::format("worker-{}-{}", rounds_, i), "--capability", kind,
                               "--max-load", std::to_string(kPacketsEach), "--lease",
                               fmt::format("{}s", kLeaseSeconds), "--", "/bin/sleep", "600"});
      if (!worker) return tl::unexpected(worker.error());
      workers.push_back(std::move(*worker));
    }
    const size_t packets = kWorkers * kPacketsEach;
    std::string body = "[";
    for (size_t i = 0; i < packets; ++i) {
      body += (i > 0 ? "," : "") + fmt::format("{{\"requiredCapabilities\":[\"{}\"]}}", kind);
    }
    const auto submitted = client_.post("/v1/packets", body + "]");
    if (!submitted || !submitted->ok()) return fail(ErrorKind::kInternal, "cannot submit");
    if (!wait_until_running(kind, packets)) {
      return fail(ErrorKind::kTimeout, "the workers did not begin their packets");
    }
    Call patch;
    patch.method = "PATCH";
    patch.target = "/v1/members/survivor";
    patch.body = "{\"capabilities\":[\"" + kind + "\"]}";
    const auto patched = client_.call(patch);
    if (!patched || !patched->ok()) return fail(ErrorKind::kInternal, "cannot patch a member");
    const Duration begin = wall_clock();
    for (const auto& worker : workers) worker->signal(signal);
    const std::vector<Duration> came = survivor_->arrivals(packets, begin);
    if (came.size() < packets) {
      return fail(ErrorKind::kTimeout, "not all packets came to the next owner within 20 s");
    }
    std::vector<double> times;
    for (const Duration time : came) times.push_back(in_seconds(time));
    return times;
  }

 private:
  bool wait_until_running(const std::string& kind, size_t packets) {
    const Duration until = wall_clock() + seconds(30);
    while (wall_clock() < until) {
      const auto answer =
          client_.get("/v1/packets?status=RUNNING&limit=1000&requires=" + url_encode(kind));
      if (!answer || !answer->ok()) return false;
      size_t running = 0;
      for (size_t at = answer->body.find("\"status\":\"RUNNING\""); at != std::string::npos;
           at = answer->body.find("\"status\":\"RUNNING\"", at + 1)) {
        ++running;
      }
      if (running == packets) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  const BenchOptions& options_;
  std::string url_;
  Client client_;
  std::unique_ptr<Survivor> survivor_;
  int rounds_ = 0;
};

Result<bool> measure(Churn& churn, int signal, int rounds, const std::string& what, double bar,
                     Figures& figures) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const auto some = churn.round(signal);
    if (!some) return tl::unexpected(some.error());
    times.insert(times.end(), some->begin(), some->end());
  }
  figures.push_back({.row = 5,
                     .what = what,
                     .value = quantile(times, 0.99),
                     .unit = "s",
                     .bar = {Bar::Op::kAtMost, bar},
                     .beside = {{"p50", quantile(times, 0.5)},
                                {"max", quantile(times, 1)},
                                {"packets", static_cast<double>(times.size())}}});
  return true;
}

}  // namespace

Result<bool> bench_recovery(const BenchOptions& options, Figures& figures) {
  const ScratchFolder folder(options.disk_folder);
  auto host = HostProcess::start(options.program, folder.file("data"));
  if (!host) return tl::unexpected(host.error());
  auto client = client_for((*host)->url());
  if (!client) return tl::unexpected(client.error());
  Churn churn(options, (*host)->url(), std::move(*client));
  if (auto attached = churn.attach(); !attached) return attached;
  auto done = measure(churn, SIGKILL, options.quick ? 1 : 10,
                      "SIGKILL of a worker to its packets' next delivery, p99", 1, figures);
  if (!done) return done;
  return measure(churn, SIGSTOP, options.quick ? 1 : 5,
                 fmt::format("SIGSTOP to next delivery, p99 (lease {} s)", kLeaseSeconds),
                 kLeaseSeconds + 1, figures);
}

}  // namespace phoenix::bench
