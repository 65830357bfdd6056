#include "bench/lane.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "client/http_client.h"

namespace phoenix::bench {
namespace {

int connect_to(const std::string& url) {
  const size_t colon = url.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(url.c_str() + colon + 1)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

// The text between `before` and the next quote.
std::string_view text_after(std::string_view text, std::string_view before, size_t from = 0) {
  const size_t at = text.find(before, from);
  if (at == std::string_view::npos) return {};
  const size_t begin = at + before.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

size_t content_length(std::string_view head) {
  size_t length = 0;
  const size_t at = head.find("ontent-Length: ");
  if (at == std::string_view::npos) return 0;
  const std::string_view digits = head.substr(at + 15, 20);
  std::from_chars(digits.data(), digits.data() + digits.size(), length);
  return length;
}

}  // namespace

Lane::Lane(Lane&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      id_(std::move(other.id_)),
      token_(std::move(other.token_)),
      step_(other.step_) {}

Lane::~Lane() {
  if (socket_ >= 0) ::close(socket_);
}

Result<Lane> Lane::open(const std::string& url, const std::string& id, size_t room) {
  ClientOptions options;
  options.urls = {url};
  auto client = Client::create(options);
  if (!client) return tl::unexpected(client.error());
  const auto answer = client->post(
      "/v1/members", "{\"id\":\"" + id + "\",\"capabilities\":[\"work\"],\"maxLoad\":" +
                         std::to_string(room) + ",\"leaseSeconds\":60}");
  if (!answer || !answer->ok()) return fail(ErrorKind::kInternal, "cannot register a member");
  Lane lane;
  lane.id_ = id;
  lane.token_ = text_after(answer->body, "\"token\":\"");
  lane.socket_ = connect_to(url);
  if (lane.socket_ < 0) return fail(ErrorKind::kInternal, "cannot connect to " + url);
  return lane;
}

void Lane::send(Job& job, const std::string& method, const std::string& target,
                const std::string& body) {
  std::string head = method + " " + target +
                     " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token_ + "\r\n";
  if (method == "POST") {
    head +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  head += "\r\n" + body;
  for (size_t sent = 0; sent < head.size();) {
    const ssize_t size = ::send(socket_, head.data() + sent, head.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) {
      job.failed = "the host closed a connection";
      return;
    }
    sent += static_cast<size_t>(size);
  }
}

void Lane::begin(Job& job) { next_call(job); }

// Create, take, complete, in turns; without creating when enough have been made.
void Lane::next_call(Job& job) {
  if (held_ > 0) {
    step_ = Step::kComplete;
    return send(job, "POST", "/v1/packets:complete", "{\"items\":[" + completions_ + "]}");
  }
  if (step_ != Step::kCreate && job.created < job.wanted) {
    step_ = Step::kCreate;
    job.created += job.per_call;
    return send(job, "POST", "/v1/packets", job.create_body);
  }
  poll(job);
}

void Lane::poll(Job& job) {
  step_ = Step::kPoll;
  std::string target =
      "/v1/members/" + id_ + "/deliveries?waitMs=100&max=" + std::to_string(job.per_call);
  if (!after_.empty()) target += "&after=" + after_;
  send(job, "GET", target, {});
}

bool Lane::cut_answer(Job& job, std::string& body) {
  const size_t end = in_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const size_t length = content_length(std::string_view(in_).substr(0, end));
  if (in_.size() < end + 4 + length) return false;
  const bool good = in_.compare(9, 1, "2") == 0;
  if (!good) job.failed = in_.substr(0, 400);
  body = in_.substr(end + 4, length);
  in_.erase(0, end + 4 + length);
  return true;
}

void Lane::on_readable(Job& job) {
  std::array<char, 1 << 16> bytes;
  const ssize_t size = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (size <= 0) {
    job.failed = "the host closed a connection";
    return;
  }
  in_.append(bytes.data(), static_cast<size_t>(size));
  std::string body;
  if (cut_answer(job, body) && job.failed.empty()) on_answer(job, body);
}

void Lane::on_answer(Job& job, std::string_view body) {
  if (step_ == Step::kPoll) {
    read_deliveries(body);
  } else if (step_ == Step::kComplete) {
    if (body.find("\"problem\"") != std::string_view::npos) job.failed = std::string(body);
    job.completed += held_;
    held_ = 0;
    completions_.clear();
  }
  if (job.completed < job.wanted) next_call(job);
}

void Lane::read_deliveries(std::string_view body) {
  constexpr std::string_view kBegin = "{\"member\":\"";
  constexpr std::string_view kEpoch = "\"epoch\":";
  for (size_t at = body.find(kBegin); at != std::string_view::npos;
       at = body.find(kBegin, at + kBegin.size())) {
    const size_t epoch = body.find(kEpoch, at) + kEpoch.size();
    const std::string_view number = body.substr(epoch, body.find(',', epoch) - epoch);
    const std::string_view id = text_after(body, "\"packet\":{\"id\":\"", epoch);
    if (!completions_.empty()) completions_ += ',';
    completions_.append("{\"id\":\"").append(id).append("\",\"epoch\":").append(number);
    completions_ +=
        ",\"result\":{\"words\":173,\"text\":\"a hundred bytes of result, more or less, "
        "as a program would give it back\"}}";
    ++held_;
  }
  after_ = text_after(body, "\"next\":\"", body.rfind("\"revoked\""));
}

}  // namespace phoenix::bench
