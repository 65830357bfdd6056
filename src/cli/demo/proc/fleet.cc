#include "cli/demo/proc/fleet.h"

#include <fcntl.h>

#include <cctype>
#include <deque>
#include <fstream>

#include "cli/demo/work.h"
#include "client/json_text.h"

namespace phoenix::demo {
namespace {

constexpr std::size_t kLastWords = 4;  // lines

}  // namespace

std::optional<WorkerNews> parse_news(std::string_view line) {
  const auto json = JsonText::parse(line);
  if (!json || !(*json)["event"].is_string()) return std::nullopt;
  WorkerNews news;
  news.event = (*json)["event"].text();
  news.packet = (*json)["packet"].text();
  news.epoch = static_cast<uint64_t>((*json)["epoch"].integer().value_or(0));
  news.detail = (*json)["detail"].text();
  return news;
}

bool is_refused_result(const WorkerNews& news) {
  if (news.event != "refused") return false;
  const std::string_view detail = news.detail;
  const bool result = detail.starts_with("complete ") || detail.starts_with("handoff ");
  return result && (detail.ends_with(" stale-epoch") || detail.ends_with(" not-owner"));
}

void Fleet::start(int kind, bool self_check) {
  const std::string id = "worker-" + std::to_string(++started_);
  auto pipe = make_pipe();
  if (!pipe) return events_.fault(pipe.error().detail);
  const std::string log_path = setup_.scratch + "/workers.log";
  const Fd log(open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  std::string capabilities;
  for (const std::string& capability : worker_capabilities(kind)) {
    capabilities += (capabilities.empty() ? "" : ",") + capability;
  }
  std::string urls;
  for (std::size_t i = 0; i < setup_.urls.size(); ++i) {
    urls += (i == 0 ? "" : ",") + setup_.urls[(started_ + i) % setup_.urls.size()];
  }
  Processes::Start start;
  start.args = {own_program(),
                "worker",
                "start",
                "--url",
                urls,
                "--id",
                id,
                "--capability",
                capabilities,
                "--max-load",
                std::to_string(setup_.max_load),
                "--data",
                setup_.scratch + "/worker-keys",
                "--lease",
                std::to_string(setup_.lease.ms()) + "ms",
                "-o",
                "json"};
  if (!self_check) start.args.emplace_back("--no-self-check");
  for (std::string word :
       {std::string("--"), std::string("sh"), std::string("-c"), worker_script()}) {
    start.args.push_back(std::move(word));
  }
  start.env = {{"LC_ALL", "C"}, {"TMPDIR", setup_.scratch}};
  start.out = pipe->write.get();
  start.err = log.get();
  const auto pid = processes_.start(start, [this, id](int status) {
    const auto it = workers_.find(id);
    if (it == workers_.end()) return;
    it->second.reader->read();  // its last words
    events_.ended(it->second, status);
    workers_.erase(id);
  });
  if (!pid) return events_.fault(pid.error().detail);
  Worker& worker = workers_[id];
  worker.id = id;
  worker.pid = *pid;
  worker.kind = kind;
  worker.self_check = self_check;
  worker.reader = std::make_unique<PipeReader>(
      loop_, std::move(pipe->read), [this, id](std::string_view part) { take(id, part); }, [] {});
}

Worker* Fleet::find(const std::string& id) {
  const auto it = workers_.find(id);
  return it == workers_.end() ? nullptr : &it->second;
}

std::string Fleet::last_words(const std::string& id) const {
  std::ifstream log(setup_.scratch + "/workers.log");
  std::deque<std::string> lines;
  for (std::string line; std::getline(log, line);) {
    const std::size_t at = line.find(id);
    const std::size_t end = at == std::string::npos ? at : at + id.size();
    if (at == std::string::npos || (end < line.size() && std::isdigit(line[end]) != 0)) continue;
    lines.push_back(std::move(line));
    if (lines.size() > kLastWords) lines.pop_front();
  }
  std::string out;
  for (const std::string& line : lines) out += "\n  " + line;
  return out;
}

void Fleet::take(const std::string& id, std::string_view part) {
  const auto it = workers_.find(id);
  if (it == workers_.end()) return;
  Worker& worker = it->second;
  worker.partial.append(part);
  std::size_t at = 0;
  for (std::size_t end = 0; (end = worker.partial.find('\n', at)) != std::string::npos;) {
    if (const auto news = parse_news(std::string_view(worker.partial).substr(at, end - at))) {
      events_.news(worker, *news);
    }
    at = end + 1;
  }
  worker.partial.erase(0, at);
}

}  // namespace phoenix::demo
