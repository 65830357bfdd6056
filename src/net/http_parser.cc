#include "net/http_parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <string>
#include <utility>

namespace phoenix {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

// Room taken at once for an announced body; the rest grows with what really arrives.
constexpr uint64_t kReserve = uint64_t{256} << 10;

std::string to_lower(string_view text) {
  std::string lower(text.data(), text.size());
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return lower;
}

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (to_lower({item.data(), item.size()}) == token) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

// Collects a request straight from Beast's events. Stricter than Beast: exactly one Host (in
// HTTP/1.1), at most one Content-Length with one number, no Transfer-Encoding but "chunked", no
// fragment in the target, and the head counted as a whole (Beast counts each line by itself).
class Collector final : public http::basic_parser<true> {
 public:
  explicit Collector(const HttpParser::Limits& limits) : limits_(limits) {
    header_limit(static_cast<uint32_t>(limits.head));
    body_limit(boost::none);
  }

  HttpRequest request;
  Error fault;

  bool failed() const { return !fault.detail.empty(); }
  // Sets the fault and gives Beast a reason to stop.
  void refuse(ErrorKind kind, std::string reason, std::string detail, error_code& ec) {
    fault.kind = kind;
    fault.reason_code = std::move(reason);
    fault.detail = std::move(detail);
    ec = http::error::bad_value;
  }
  void refuse_body(error_code& ec) {
    refuse(ErrorKind::kTooLarge, "body-too-large",
           "the request body exceeds " + std::to_string(limits_.body) + " bytes", ec);
  }
  void refuse_head(error_code& ec) {
    refuse(ErrorKind::kInvalidRequest, "head-too-large",
           "the request head exceeds " + std::to_string(limits_.head) + " bytes", ec);
  }
  const HttpParser::Limits& limits() const { return limits_; }

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code& ec) override {
    HttpHead& head = request.head;
    head.method.assign(method.data(), method.size());
    if (head.method == "HEAD") {
      head.method = "GET";
      head.head_only = true;
    }
    head.version = version;
    take_target({target.data(), target.size()}, ec);
  }

  void take_target(std::string_view target, error_code& ec) {
    HttpHead& head = request.head;
    const std::string scheme = to_lower({target.data(), std::min<size_t>(target.size(), 8)});
    if (scheme.starts_with("http://") || scheme == "https://") {
      // The absolute form, as sent to proxies: its authority stands above the Host field.
      target.remove_prefix(scheme.starts_with("http://") ? 7 : 8);
      const size_t end = std::min(target.find_first_of("/?"), target.size());
      authority_ = target.substr(0, end);
      target.remove_prefix(end);
      if (target.empty() || target.front() == '?') head.path = "/";
      if (authority_.empty()) return bad_target(ec);
    } else if (target != "*" && !target.starts_with('/')) {
      return bad_target(ec);
    }
    if (target.find('#') != std::string_view::npos) return bad_target(ec);
    const size_t mark = target.find('?');
    if (head.path.empty()) head.path = target.substr(0, mark);
    if (mark != std::string_view::npos) head.query = target.substr(mark + 1);
  }

  void bad_target(error_code& ec) {
    refuse(ErrorKind::kInvalidRequest, "malformed-request",
           "the target of the request line must be a path that begins with '/'", ec);
  }

  void on_field_impl(http::field name, string_view name_text, string_view value,
                     error_code& ec) override {
    if (is_header_done()) return;  // a trailer: nobody asks for one, and it may not add fields
    std::string text(value.data(), value.size());
    switch (name) {
      case http::field::host:
        if (++hosts_ > 1) return bad_field("Host stands more than once", ec);
        if (!authority_.empty()) text = authority_;
        break;
      case http::field::content_length:
        if (++lengths_ > 1 || text.find(',') != std::string::npos) {
          return bad_field("Content-Length stands more than once", ec);
        }
        break;
      case http::field::transfer_encoding:
        if (to_lower(value) != "chunked" || request.head.version < 11) {
          return bad_field("Transfer-Encoding may only be \"chunked\", in HTTP/1.1", ec);
        }
        break;
      default:
        break;
    }
    request.head.headers.emplace_back(to_lower(name_text), std::move(text));
  }

  void bad_field(std::string detail, error_code& ec) {
    refuse(ErrorKind::kInvalidRequest, "malformed-request", std::move(detail), ec);
  }

  void on_header_impl(error_code& ec) override {
    if (request.head.version < 11 || hosts_ == 1) return;
    if (authority_.empty()) return bad_field("the Host field is missing", ec);
    request.head.headers.emplace_back("host", authority_);
  }

  void on_body_init_impl(const boost::optional<uint64_t>& length, error_code&) override {
    if (length) request.body.reserve(std::min(*length, kReserve));
  }
  size_t on_body_impl(string_view bytes, error_code&) override {
    request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(uint64_t size, string_view, error_code& ec) override {
    if (size > limits_.body - request.body.size()) refuse_body(ec);
  }
  size_t on_chunk_body_impl(uint64_t, string_view bytes, error_code&) override {
    request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_finish_impl(error_code&) override {}

  HttpParser::Limits limits_;
  std::string authority_;
  int hosts_ = 0;
  int lengths_ = 0;
};

}  // namespace

struct HttpParser::Impl {
  explicit Impl(Limits all) : limits(all) { collector.emplace(limits); }

  Limits limits;
  std::optional<Collector> collector;
  size_t head_bytes = 0;
  bool started = false;
  bool head_told = false;

  Status broken(const error_code& ec) {
    if (collector->failed()) return Status::kFault;
    error_code ignored;
    if (ec == http::error::header_limit) {
      collector->refuse_head(ignored);
    } else {
      collector->refuse(ErrorKind::kInvalidRequest, "malformed-request",
                        "the request is not valid HTTP/1.1: " + ec.message(), ignored);
    }
    return Status::kFault;
  }

  Status feed_head(std::string_view data, size_t& used) {
    // Clients may send an empty line or two after a body; it belongs to no request.
    while (!started && used < data.size() && (data[used] == '\r' || data[used] == '\n')) ++used;
    data.remove_prefix(used);
    if (data.empty()) return Status::kNeedMore;
    started = true;
    error_code ec;
    const size_t taken = collector->put({data.data(), data.size()}, ec);
    used += taken;
    head_bytes += taken;
    const size_t rest = ec == http::error::need_more ? data.size() - taken : 0;
    if (ec && ec != http::error::need_more) return broken(ec);
    if (head_bytes + rest > limits.head) return broken(http::error::header_limit);
    if (!collector->is_header_done()) return Status::kNeedMore;
    collector->eager(true);
    head_told = true;
    return Status::kHead;
  }

  Status feed_body(std::string_view data, size_t& used) {
    if (collector->is_done()) return Status::kDone;
    error_code ec;
    if (const auto length = collector->content_length(); length && *length > limits.body) {
      collector->refuse_body(ec);
      return Status::kFault;
    }
    if (data.empty()) return Status::kNeedMore;
    used = collector->put({data.data(), data.size()}, ec);
    if (ec && ec != http::error::need_more) return broken(ec);
    if (collector->is_done()) return Status::kDone;
    // A chunk's line or the trailers, which Beast takes only as a whole.
    if (data.size() - used > limits.head) return broken(http::error::header_limit);
    return Status::kNeedMore;
  }
};

HttpParser::HttpParser(Limits limits) : impl_(std::make_unique<Impl>(limits)) {}
HttpParser::~HttpParser() = default;

HttpParser::Status HttpParser::feed(std::string_view data, size_t& used) {
  used = 0;
  if (impl_->collector->failed()) return Status::kFault;
  return impl_->head_told ? impl_->feed_body(data, used) : impl_->feed_head(data, used);
}

void HttpParser::reset() {
  impl_->collector.emplace(impl_->limits);
  impl_->head_bytes = 0;
  impl_->started = false;
  impl_->head_told = false;
}

HttpRequest& HttpParser::request() { return impl_->collector->request; }
bool HttpParser::started() const { return impl_->started; }
bool HttpParser::has_head() const { return impl_->head_told; }

bool HttpParser::has_body() const {
  const Collector& collector = *impl_->collector;
  return collector.chunked() || collector.content_length().value_or(0) > 0;
}

bool HttpParser::wants_continue() const {
  const HttpHead& head = impl_->collector->request.head;
  return head.version >= 11 && has_body() && has_token(head.header("expect"), "100-continue");
}

bool HttpParser::keep_alive() const { return impl_->collector->keep_alive(); }
const Error& HttpParser::fault() const { return impl_->collector->fault; }

}  // namespace phoenix
