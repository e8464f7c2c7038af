export function App() {
  return <main>Latewood</main>;
}
