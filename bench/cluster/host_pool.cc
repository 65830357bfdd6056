#include "bench/cluster/host_pool.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "bench/clock.h"
#include "client/http_client.h"

namespace phoenix::bench {
namespace {

constexpr Duration kPatience = seconds(60);

size_t occurrences(std::string_view text, std::string_view word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

std::string_view text_after(std::string_view text, std::string_view before, size_t from) {
  const size_t at = text.find(before, from);
  if (at == std::string_view::npos) return {};
  const size_t begin = at + before.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

double metric(std::string_view text, std::string_view name) {
  double sum = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(name) || line.size() == name.size()) continue;
    const char next = line[name.size()];
    if (next != ' ' && next != '{') continue;
    sum += std::strtod(std::string(line.substr(line.rfind(' ') + 1)).c_str(), nullptr);
  }
  return sum;
}

Result<std::unique_ptr<HostPool>> HostPool::start(const std::string& program,
                                                  const std::string& disk, size_t hosts) {
  auto database = Database::start(disk);
  if (!database) return tl::unexpected(database.error());
  std::unique_ptr<HostPool> pool(new HostPool(disk, std::move(*database)));
  for (size_t i = 0; i < hosts; ++i) {
    const auto added = pool->add(program, std::string(1, static_cast<char>('a' + i)));
    if (!added) return tl::unexpected(added.error());
  }
  if (const auto ready = pool->await_ready(); !ready) return tl::unexpected(ready.error());
  return pool;
}

HostPool::HostPool(const std::string& disk, Database database)
    : folder_(disk), database_(std::move(database)) {}
HostPool::~HostPool() = default;

Result<bool> HostPool::add(const std::string& program, const std::string& name) {
  std::vector<std::string> flags = {"--store", database()};
  if (!seed_.empty()) flags.insert(flags.end(), {"--join", seed_});
  const std::string folder = folder_.file(name);
  auto host = HostProcess::start(program, folder, name, flags);
  if (!host) return tl::unexpected(host.error());
  if (seed_.empty()) {
    std::ifstream file(folder + "/address.json");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    seed_ = text_after(text, "\"gossip\":\"");
    if (seed_.empty()) seed_ = text_after(text, "\"gossip\": \"");
  }
  ClientOptions options;
  options.urls = {(*host)->url()};
  auto client = Client::create(options);
  if (!client) return tl::unexpected(client.error());
  hosts_.push_back(std::move(*host));
  clients_.push_back(std::make_unique<Client>(std::move(*client)));
  return true;
}

Result<bool> HostPool::await_ready() {
  const Duration end = wall_clock() + kPatience;
  for (size_t host = 0; host < size();) {
    const auto ready = clients_[host]->get("/readyz");
    const auto ring = clients_[host]->get("/v1/ring");
    const auto rows = clients_[host]->get("/v1/hosts");
    if (ready && ready->status == 200 && ring && rows &&
        occurrences(rows->body, "\"view\":\"in-view\"") == size() &&
        occurrences(ring->body, "{\"host\":\"") == size()) {
      ++host;
      continue;
    }
    if (wall_clock() > end) return fail(ErrorKind::kTimeout, "the hosts are not together");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

Result<double> HostPool::metric_sum(std::string_view name) {
  double sum = 0;
  for (const auto& client : clients_) {
    const auto answer = client->get("/metrics");
    if (!answer || !answer->ok()) return fail(ErrorKind::kInternal, "a host tells no metrics");
    sum += metric(answer->body, name);
  }
  return sum;
}

void HostPool::stop_hosts() {
  clients_.clear();
  for (const auto& host : hosts_) host->stop();
  hosts_.clear();
}

}  // namespace phoenix::bench
